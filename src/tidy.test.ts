import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path/posix';
import { expect, test } from 'vitest';

interface Reach {
  readonly values: readonly string[];
  /** Folders of which only types may be imported. */
  readonly types?: readonly string[];
}

/** Compiled without clock, GPU or page: same events at the same times give the same commands. */
const PURE = ['base', 'memory', 'profile', 'batch', 'core', 'trace', 'sim'];

/**
 * What each folder may import besides itself. The whole architecture in one table: a row names only rows above it, so no
 * arrow runs back up and no circle exists. A new arrow is a change of design.
 */
const MAY_IMPORT: Readonly<Record<string, Reach>> = {
  base: { values: [] },
  memory: { values: ['base'] },
  profile: { values: ['base'] },
  batch: { values: ['base', 'profile'] },
  core: { values: ['base', 'memory', 'profile', 'batch'] },
  trace: { values: ['base'], types: ['core'] },
  sim: { values: ['base', 'memory', 'profile', 'batch', 'core', 'trace'] },
  wire: { values: ['base'], types: ['memory', 'core', 'trace'] },
  loop: { values: ['base', 'memory', 'core', 'trace', 'wire'] },
  gpu: { values: ['base', 'memory', 'wire'], types: ['core'] },
  onnx: { values: ['base', 'batch', 'wire', 'gpu'], types: ['memory', 'core'] },
  kernel: { values: ['base', 'wire', 'gpu'] },
  store: { values: ['base', 'profile'] },
  client: { values: ['base', 'core', 'trace', 'wire', 'loop', 'gpu'] },
  dashboard: { values: ['base', 'trace', 'sim', 'client'] },
  demo: { values: ['base', 'trace', 'wire', 'onnx', 'client', 'dashboard'] },
  workers: { values: [...PURE, 'wire', 'loop', 'gpu', 'onnx', 'kernel', 'store'] },
  e2e: { values: ['base', 'memory', 'core', 'sim', 'onnx', 'client', 'demo'] },
};

/** Package entry points; everywhere else a file is imported by its own name. */
const ENTRIES = ['src/client/index.ts'];

const LINES = 400;
const WORKER_LINES = 60;

const BANNED: readonly (readonly [RegExp, string])[] = [
  [/\b(?:class|interface|type|function|const)\s+\w*(?:Manager|Helper|Utils?|Service)s?\b/, 'a name that says nothing: name the noun it keeps'],
  [/\bexport \*/, 'export *'],
  [/:\s*any\b|\bas any\b|<any>|\bany\[\]/, 'any'],
];
/** Banned in comments too. */
const BANNED_WORDS = /@ts-(?:ignore|nocheck|expect-error)|\bFIXME\b/;
const BANNED_WHERE_PURE =
  /\bMath\.random\b|\bDate\.now\b|\bnew Date\b|\bperformance\.now\b|\bset(?:Timeout|Interval)\b|\bPromise\b|\bnavigator\b|\basync\b|\bawait\b/;
const BANNED_FOLDER = /^(?:utils?|common|helpers?|types|services?|managers?)$/;

const isTest = (path: string): boolean => /\.(?:test|bench)\.ts$/.test(path);
const folderOf = (path: string): string => (path.startsWith('src/') ? path.split('/')[1]! : path.split('/')[0]!);
// Two slashes after a colon are a URL.
const withoutComments = (text: string): string => text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/(?<![:'"`])\/\/.*$/gm, '');

interface Import {
  readonly from: string;
  readonly onlyTypes: boolean;
}

function importsOf(text: string): readonly Import[] {
  const still = [...text.matchAll(/\b(?:import|export)\s+(type\s+)?(?:[\w*{}\s,$]+?\bfrom\s+)?'([^']+)'/g)];
  const dynamic = [...text.matchAll(/\bimport\(\s*'([^']+)'\s*\)/g)];
  return [
    ...still.map((match) => ({ from: match[2]!, onlyTypes: match[1] !== undefined })),
    ...dynamic.map((match) => ({ from: match[1]!, onlyTypes: false })),
  ];
}

function importComplaint(path: string, { from, onlyTypes }: Import): string | undefined {
  const folder = folderOf(path);
  if (!from.startsWith('.')) return PURE.includes(folder) ? `${folder} is pure and may not import package ${from}` : undefined;
  const target = folderOf(join(dirname(path), from));
  if (target === folder) return undefined;
  const reach = MAY_IMPORT[folder];
  if (!reach) return `${folder} is not in the table`;
  if (reach.values.includes(target)) return undefined;
  if (reach.types?.includes(target)) return onlyTypes ? undefined : `${folder} may import only types of ${target}`;
  return `${folder} may not import ${target}`;
}

/** What is wrong with a file, as sentences. */
function complaints(path: string, source: string): readonly string[] {
  const text = withoutComments(source);
  const lines = source.trimEnd().split('\n').length;
  const said: (string | undefined)[] = path.split('/').filter((part) => BANNED_FOLDER.test(part)).map((part) => `a folder named ${part}`);
  const limit = path.startsWith('workers/') ? WORKER_LINES : LINES;
  if (lines > limit) said.push(`${lines} lines, at most ${limit}`);
  if (path.endsWith('/index.ts') && !ENTRIES.includes(path)) said.push('a barrel file');
  // The rules name what they ban.
  if (path !== 'src/tidy.test.ts') {
    said.push(...BANNED.filter(([banned]) => banned.test(text)).map(([, why]) => why));
    said.push(BANNED_WORDS.exec(source)?.[0]);
  }
  if (!isTest(path)) {
    said.push(...importsOf(text).map((found) => importComplaint(path, found)));
    if (PURE.includes(folderOf(path))) said.push(BANNED_WHERE_PURE.exec(text)?.[0]);
  }
  return said.filter((complaint) => complaint !== undefined).map((complaint) => `${path}: ${complaint}`);
}

const filesIn = (folder: string): readonly string[] =>
  readdirSync('.').includes(folder)
    ? readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((path) => `${folder}/${path.replaceAll('\\', '/')}`).filter((path) => path.endsWith('.ts'))
    : [];

test('every source file is tidy', () => {
  const files = ['src', 'workers', 'e2e'].flatMap(filesIn);
  expect(files.length).toBeGreaterThan(5);
  expect(files.flatMap((path) => complaints(path, readFileSync(path, 'utf8')))).toEqual([]);
});

test('every folder has its row in the table', () => {
  const folders = readdirSync('src', { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  expect(folders.filter((folder) => !(folder in MAY_IMPORT))).toEqual([]);
});

test('no arrow of the table runs back up', () => {
  const rows = Object.keys(MAY_IMPORT);
  const upward = Object.entries(MAY_IMPORT).flatMap(([folder, { values, types = [] }], index) =>
    [...values, ...types].filter((target) => rows.indexOf(target) >= index || !rows.includes(target)).map((target) => `${folder} → ${target}`));
  expect(upward).toEqual([]);
});

test.each([
  ['src/core/scheduler.ts', "import { gate } from '../gpu/gate.ts';"],
  ['src/core/scheduler.ts', "import {\n  a,\n  b,\n} from '../client/index.ts';"],
  ['src/core/scheduler.ts', "export { gate } from '../gpu/gate.ts';"],
  ['src/core/scheduler.ts', "import '../trace/span.ts';"],
  ['src/core/scheduler.ts', "import { html } from 'lit';"],
  ['src/core/scheduler.ts', 'const at = performance.now();'],
  ['src/core/scheduler.ts', 'async function step() {}'],
  ['src/trace/recorder.ts', "import { rankOf } from '../core/op.ts';"],
  ['src/gpu/gate.ts', "const { step } = await import('../core/scheduler.ts');"],
  ['workers/lane.worker.ts', "import { connect } from '../src/client/index.ts';"],
  ['workers/lane.worker.ts', '\n'.repeat(61) + 'x'],
  ['src/gpu/gate.ts', '\n'.repeat(401) + 'x'],
  ['src/gpu/utils/gate.ts', ''],
  ['src/gpu/index.ts', ''],
  ['src/gpu/gate.ts', 'class GateManager {}'],
  ['src/gpu/gate.ts', "export * from './slice.ts';"],
  ['src/gpu/gate.ts', 'const x: any = 1;'],
  ['src/gpu/gate.ts', '// @ts-ignore'],
  ['src/nowhere/gate.ts', "import { fromMillis } from '../base/units.ts';"],
])('%s may not say %j', (path, text) => {
  expect(complaints(path, text)).toHaveLength(1);
});

test.each([
  ['src/trace/recorder.ts', "import type { Op } from '../core/op.ts';"],
  ['src/core/scheduler.ts', 'step(); // ties: any order'],
  ['src/core/scheduler.ts', "// performance.now() is the edge's\n/** `import { x } from '../gpu/x.ts'` */"],
  ['src/core/scheduler.test.ts', "import { run } from '../sim/run.ts'; const at = performance.now();"],
  ['src/client/index.ts', "import { gate } from '../gpu/gate.ts'; import { wrap } from 'comlink';"],
])('%s may say %j', (path, text) => {
  expect(complaints(path, text)).toEqual([]);
});

const TOP_LEVEL = ['package.json', 'package-lock.json', 'tsconfig.json', 'vite.config.ts', 'index.html', 'README.md', 'LICENSE',
  'src', 'workers', 'public', 'e2e', 'docs'];
/** Made here, never committed. */
const IGNORED = ['node_modules', 'dist', 'coverage', 'test-results'];

test('the top level holds only what is named', () => {
  expect(readdirSync('.').filter((name) => !name.startsWith('.') && ![...TOP_LEVEL, ...IGNORED].includes(name))).toEqual([]);
});

test('the lock file names no host', () => {
  expect(readFileSync('package-lock.json', 'utf8')).not.toContain('"resolved"');
});

/** An npm that cannot reach a package for another platform writes a lock file without it, and `npm ci` then fails everywhere. */
test('the lock file is whole: it names every optional package that a package asks for', () => {
  const lock: { packages: Record<string, { optionalDependencies?: Record<string, string> }> } = JSON.parse(readFileSync('package-lock.json', 'utf8'));
  const wanted = Object.values(lock.packages).flatMap(({ optionalDependencies = {} }) => Object.keys(optionalDependencies));
  expect(wanted.filter((name) => !Object.keys(lock.packages).some((path) => path.endsWith(`node_modules/${name}`)))).toEqual([]);
});
