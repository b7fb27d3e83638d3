// SPIN on bench/core.pml, where it is installed: the measure that the engine is held against.

import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CoreInstance } from './core.ts';

export interface SpinRun {
  readonly states: number;
  readonly transitions: number;
  readonly cpuSeconds: number;
}

const found = (program: string, argument: string): boolean => spawnSync(program, [argument]).status === 0;

export const hasSpin = (): boolean => found('spin', '-V') && found('gcc', '--version');

const OPTIONS = ['-O3', '-w', '-DSAFETY', '-DNOREDUCE', '-DNOBOUNDCHECK', '-DMEMLIM=16000'];

/** Compile once; each call of `run` is one search, depth first. */
export function compileSpin({
  pages,
  converts,
  maps,
  accesses,
}: CoreInstance): { run: () => SpinRun | null; remove: () => void } | null {
  const folder = mkdtempSync(join(tmpdir(), 'gmem-bench-'));
  const remove = (): void => rmSync(folder, { recursive: true });
  copyFileSync(fileURLToPath(new URL('core.pml', import.meta.url)), join(folder, 'core.pml'));
  const sizes = [`-DP=${pages}`, `-DK=${converts}`, `-DM=${maps}`, `-DD=${accesses}`];
  const made =
    spawnSync('spin', ['-a', ...sizes, 'core.pml'], { cwd: folder }).status === 0 &&
    spawnSync('gcc', [...OPTIONS, '-o', 'pan', 'pan.c'], { cwd: folder }).status === 0;
  if (!made) {
    remove();
    return null;
  }
  return { run: () => runPan(folder), remove };
}

function runPan(folder: string): SpinRun | null {
  /* `time -p` of the shell: CPU time of the child, and nothing else to install. */
  const out = spawnSync('bash', ['-c', 'time -p ./pan -E -m10000 -w24'], { cwd: folder, encoding: 'utf8' });
  const number = (text: string, pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? NaN);
  const cpuSeconds = number(out.stderr, /^user ([\d.]+)/m) + number(out.stderr, /^sys ([\d.]+)/m);
  const states = number(out.stdout, /(\d+) states, stored/);
  if (out.status !== 0 || Number.isNaN(cpuSeconds + states)) return null;
  return { states, transitions: number(out.stdout, /(\d+) transitions/), cpuSeconds };
}
