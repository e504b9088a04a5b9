import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The repository's root, wherever a script was started from. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * @typedef {{ version?: string, optional?: boolean }} LockedPackage
 * @typedef {{ packages: Record<string, LockedPackage> }} LockFile
 */

/** @param {string} path @returns {LockFile} */
const readLock = (path) => JSON.parse(readFileSync(path, 'utf8'));

/**
 * Whether node_modules holds what the lock file says. Versions are compared, not times: a fresh checkout makes every
 * file new without changing one.
 */
function isInstalled() {
  const installedLock = `${root}node_modules/.package-lock.json`;
  if (!existsSync(installedLock)) return false;
  const installed = readLock(installedLock).packages;
  return Object.entries(readLock(`${root}package-lock.json`).packages).every(
    // Optional packages are binaries for other platforms.
    ([path, wanted]) => path === '' || wanted.optional || installed[path]?.version === wanted.version,
  );
}

/** Installs what the lock file names, where it is missing. Quiet unless it fails; then npm's own words and exit. */
export function ensureInstalled() {
  if (isInstalled()) return;
  console.log('Installing packages…');
  // npm is a .cmd file on Windows, which only a shell starts.
  const npm = spawnSync('npm ci --no-fund --no-audit --loglevel=error', { cwd: root, encoding: 'utf8', shell: true });
  if (npm.status === 0) return;
  console.error(`${npm.stdout ?? ''}${npm.stderr ?? ''}${npm.error?.message ?? ''}`.trim());
  console.error('npm ci failed: see above.');
  process.exit(1);
}
