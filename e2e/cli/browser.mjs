import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const isRoot = () => process.getuid?.() === 0;

/**
 * Flags for a browser whose WebGPU is the software adapter on every machine, so that a test gives one result everywhere.
 * Playwright adds headless.
 */
export const browserFlags = () => [
  ...(isRoot() ? ['--no-sandbox'] : []),
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  '--disable-quic',
];

const linuxNames = ['google-chrome', 'google-chrome-stable', 'chromium', 'chromium-browser', 'chrome'];
const macApps = ['Google Chrome', 'Chromium', 'Google Chrome Canary', 'Microsoft Edge'];
const windowsPaths = ['Google/Chrome/Application/chrome.exe', 'Chromium/Application/chrome.exe', 'Microsoft/Edge/Application/msedge.exe'];

/** @returns {string[]} */
function systemPaths() {
  if (process.platform === 'darwin') {
    return ['/Applications', `${process.env['HOME']}/Applications`].flatMap((folder) =>
      macApps.map((app) => `${folder}/${app}.app/Contents/MacOS/${app}`));
  }
  if (process.platform === 'win32') {
    const folders = ['PROGRAMFILES', 'PROGRAMFILES(X86)', 'LOCALAPPDATA'].flatMap((name) => process.env[name] ?? []);
    return folders.flatMap((folder) => windowsPaths.map((path) => join(folder, path)));
  }
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/bin', '/usr/local/bin', '/snap/bin', '/opt/google/chrome'];
  return linuxNames.flatMap((name) => folders.filter((folder) => folder !== '').map((folder) => join(folder, name)));
}

/** Playwright is absent until the packages are installed. */
async function playwrightPath() {
  try {
    return (await import('playwright')).chromium.executablePath();
  } catch {
    return '';
  }
}

/**
 * The browser that tests and benchmarks run in: `SWITCHYARD_BROWSER`, the system's Chrome or Chromium, Playwright's own.
 * @returns {Promise<string | undefined>} undefined when there is none
 */
export async function findBrowser() {
  const chosen = process.env['SWITCHYARD_BROWSER'];
  if (chosen) return existsSync(chosen) ? chosen : undefined;
  return [...systemPaths(), await playwrightPath()].find((path) => path !== '' && existsSync(path));
}

function installOnDebian() {
  console.log('Installing the chromium package…');
  for (const words of [['update', '-qq'], ['install', '-y', '-qq', '--no-install-recommends', 'chromium']]) {
    const apt = spawnSync('apt-get', words, { encoding: 'utf8', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
    if (apt.status !== 0) {
      console.error(`${apt.stdout ?? ''}${apt.stderr ?? ''}`.trim());
      return;
    }
  }
}

/** The browser to use; installs one on Debian as root, elsewhere says what to do and exits. */
export async function ensureBrowser() {
  const chosen = process.env['SWITCHYARD_BROWSER'];
  if (chosen && !existsSync(chosen)) {
    console.error(`SWITCHYARD_BROWSER names ${chosen}, which does not exist.`);
    process.exit(1);
  }
  const found = await findBrowser();
  if (found) return found;
  if (isRoot() && existsSync('/etc/debian_version')) installOnDebian();
  const installed = await findBrowser();
  if (installed) return installed;
  console.error('No browser found: install Chrome or Chromium, or run `npx playwright install chromium`, or set SWITCHYARD_BROWSER to the path of one.');
  process.exit(1);
}
