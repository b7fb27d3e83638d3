// Runs the command line inside the test, and writes policies for it to a folder that goes away again.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, vi } from 'vitest';
import { main } from '../main.ts';

export interface Ran {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

export async function run(...argv: string[]): Promise<Ran> {
  let out = '';
  let err = '';
  const stdout = vi
    .spyOn(process.stdout, 'write')
    .mockImplementation((text) => ((out += String(text)), true));
  const stderr = vi
    .spyOn(process.stderr, 'write')
    .mockImplementation((text) => ((err += String(text)), true));
  try {
    return { status: await main(argv), out, err };
  } finally {
    stdout.mockRestore();
    stderr.mockRestore();
  }
}

/** With less patience for loops without an end. */
export async function runHurried(...argv: string[]): Promise<Ran> {
  vi.stubEnv('GMEM_YIELD_MS', '300');
  try {
    return await run(...argv);
  } finally {
    vi.unstubAllEnvs();
  }
}

/** One message, no stack trace. */
export function complaint({ err }: Ran): string {
  expect(err).not.toMatch(/^\s+at /m);
  const said = err.replace(/^gmem-conform: cell \d+ of \d+: .*\n/gm, '');
  expect(said.trimEnd().split('\n').length).toBe(1);
  return said;
}

let folder = '';

/** A folder for the test file that calls this, until its last test has ended. Files that follow share this module. */
export function testFolder(): string {
  const made = mkdtempSync(join(tmpdir(), 'gmem-cli-'));
  folder = made;
  afterAll(() => {
    rmSync(made, { recursive: true });
  });
  return made;
}

export function policyFile(name: string, body: string): string {
  const file = join(folder, `${name}.ts`);
  writeFileSync(file, body);
  return file;
}

export const withHook = (name: string, body: string, hook = 'ioas_map_file'): string =>
  policyFile(
    name,
    `import { iommu_map, gmem_invalidate_seq, lock, unlock, type Policy } from 'gmem-iommu-conformance/api';
let counter = 0;
export const policy: Policy = {
  name: '${name}', title: '${name}', source: 'a test', base: 'rfc-v2',
  *${hook}(range) { ${body} },
};
void [counter, iommu_map, gmem_invalidate_seq, lock, unlock];
`,
  );

export const QUICK = '--platform bare --vmm adversarial --pages 1 --calls 2 --vmm-threads 1'.split(' ');

/** Where what is told apart is seen without sampling. */
export const ALONE = [...QUICK, '--runs', '0'];
