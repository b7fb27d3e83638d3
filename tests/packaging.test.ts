// The package as a user gets it: packed, unpacked into an empty folder, run there with a policy from nowhere.

import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../cli/root.ts';

const root = packageRoot();
const place = realpathSync(mkdtempSync(join(tmpdir(), 'gmem-pack-')));
const installed = join(place, 'node_modules', 'gmem-iommu-conformance');

interface Manifest {
  readonly version: string;
  readonly dependencies: { readonly [name: string]: string };
}

function manifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
}

/* A copy, so that two runs in one checkout do not write the same dist/. */
function pack(): string {
  const copy = join(place, 'copy');
  const skipped = new Set(['node_modules', 'dist', '.git', 'tests', 'bench'].map((name) => join(root, name)));
  cpSync(root, copy, { recursive: true, filter: (from) => !skipped.has(from) });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  /* the types are checked by `npm run lint` */
  const options = join(copy, 'tsconfig.build.json');
  const text = readFileSync(options, 'utf8');
  writeFileSync(options, text.replace('"noEmit": false', '"noEmit": false, "noCheck": true'));
  execFileSync('npm', ['pack', '--silent', '--pack-destination', place], {
    cwd: copy,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const made = readdirSync(place).find((name) => name.endsWith('.tgz'));
  if (made === undefined) throw new Error('npm pack wrote no file');
  return join(place, made);
}

/* As `npm install` would lay it out, without the network: dependencies are the checkout's. */
beforeAll(() => {
  const file = pack();
  mkdirSync(installed, { recursive: true });
  execFileSync('tar', ['-xzf', file, '-C', installed, '--strip-components=1']);
  for (const name of Object.keys(manifest(installed).dependencies))
    symlinkSync(join(root, 'node_modules', name), join(place, 'node_modules', name));
});

afterAll(() => {
  rmSync(place, { recursive: true, force: true });
});

function run(args: readonly string[], env: { readonly [name: string]: string } = {}, input = '') {
  const options = { cwd: place, encoding: 'utf8', env: { ...process.env, ...env }, input } as const;
  return spawnSync(process.execPath, [join(installed, 'bin', 'gmem-conform.js'), ...args], options);
}

/** Loads policies with the installed package's own loader, all in one process; a line for each. */
function load(...policies: readonly string[]): string[] {
  const loader = JSON.stringify(pathToFileURL(join(installed, 'dist/cli/load-policy.js')).href);
  const api = JSON.stringify(pathToFileURL(join(installed, 'dist/api/index.js')).href);
  const file = join(place, 'load.mjs');
  writeFileSync(
    file,
    `import { loadPolicyModule, pickPolicies } from ${loader};
     import * as api from ${api};
     const tell = async (file) => {
       try {
         const module = await loadPolicyModule(file);
         const same = Object.keys(api).every((name) => module.api[name] === api[name]);
         return JSON.stringify({ names: pickPolicies(module).map((each) => each.name), same });
       } catch (error) {
         return error.name + ': ' + error.message;
       }
     };
     for (const file of process.argv.slice(2)) console.log(await tell(file));`,
  );
  return execFileSync(process.execPath, [file, ...policies], { encoding: 'utf8' })
    .trim()
    .split('\n');
}

function policyIn(folder: string, name: string, text: string): string {
  const file = join(place, folder, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

const POLICY = "export * as api from 'gmem-iommu-conformance/api'; export const mine = { name: 'mine' };\n";

/** Name, text, and what is said after the name. */
const BAD: readonly (readonly [string, string, string])[] = [
  ['parse.ts', 'const a = 1;\nconst b = (x: number => x;\n', ':2:22: Expected ")" but found "=>"'],
  [
    'throws.ts',
    'type A = {\n};\n\nthrow new TypeError("no");\n',
    ':4:7: threw while it was loaded: TypeError: no',
  ],
  ['missing.ts', 'const a = 1;\nimport "./none.ts";\n', ":2: imports './none.ts', which does not exist"],
  [
    'package.ts',
    'import "no-such-package";',
    ":1: imports 'no-such-package', which is not installed for it; " +
      "a policy needs only 'gmem-iommu-conformance/api' and files beside it",
  ],
  [
    'inside.ts',
    'import "gmem-iommu-conformance/models";',
    ":1: imports 'gmem-iommu-conformance/models'; a policy may import only 'gmem-iommu-conformance/api'",
  ],
  [
    'name.ts',
    '\nimport { none } from "gmem-iommu-conformance/api";\nnone();\n',
    ":2: 'gmem-iommu-conformance/api' exports no 'none'",
  ],
  ['exit.ts', 'process.exit(0);', ': ended the process while it was loaded (exit status 0)'],
  ['await.ts', 'await new Promise(() => {});', ': waits at its top level for something that never happens'],
];

describe('the package', () => {
  test('holds what it needs and no sources or tests', () => {
    const files = readdirSync(installed, { recursive: true, encoding: 'utf8' });
    expect(files).toContain(join('dist', 'cli', 'main.js'));
    expect(files).toContain(join('dist', 'api', 'index.d.ts'));
    expect(files.filter((file) => /\.test\.|^tests|^bench/.test(file))).toEqual([]);
    expect(files.filter((file) => /(?<!\.d)\.ts$/.test(file) && !file.startsWith('templates'))).toEqual([]);
    if (existsSync(join(root, 'corpus'))) expect(files.length).toBeGreaterThan(10);
  });

  test('says its version', () => {
    const said = run(['--version']);
    expect(said.stderr).toBe('');
    expect(said.stdout.trim()).toBe(manifest(root).version);
    expect(said.status).toBe(0);
  });

  test('has the exit status of its usage errors', () => {
    expect(run(['no-such-command']).status).toBe(2);
    const empty = run(['replay', '-'], {}, 'hello');
    expect(empty.stderr).toBe('gmem-conform: standard input: there is no replay token in it\n');
    expect(empty.status).toBe(2);
  });

  test('says in one line that it is broken, with the stack on request', () => {
    const file = join(installed, 'dist', 'cli', 'main.js');
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, 'export function main() { throw new Error("broken\\nin two lines"); }');
    try {
      const said = run(['list']);
      expect(said.status).toBe(4);
      expect(said.stderr).toMatch(/^gmem-conform: a bug of the suite: Error: broken\nPlease report it .*\n$/);
      expect(run(['list'], { GMEM_DEBUG: '1' }).stderr).toMatch(/\n\s+at main/);
    } finally {
      writeFileSync(file, text);
    }
  });
});

describe('a policy of the user', () => {
  test('shares the API of the installed copy, whatever its extension', () => {
    const files = ['a.ts', 'a.mts', 'a.js', 'a.mjs'].map((name) => policyIn('user', name, POLICY));
    expect(load(...files)).toEqual(files.map(() => '{"names":["mine"],"same":true}'));
  });

  test('is an ES module in a CommonJS package as well', () => {
    policyIn('cjs', 'package.json', '{ "type": "commonjs" }');
    policyIn('cjs', 'helper.ts', 'export enum E { A = 3 }\n');
    const text = `import { E } from './helper.js';\n${POLICY}export const other = { name: String(E.A) };\n`;
    const files = [policyIn('cjs', 'a.ts', text), policyIn('cjs', 'a.js', POLICY)];
    expect(load(...files)).toEqual(['{"names":["mine","3"],"same":true}', '{"names":["mine"],"same":true}']);
  });

  test('that cannot be loaded costs one sentence', () => {
    const files = BAD.map(([name, text]) => policyIn('bad', name, text));
    expect(load(...files)).toEqual(BAD.map(([, , said], k) => `PolicyLoadError: ${files[k]}${said}`));
  });
});
