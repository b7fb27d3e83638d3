// The edges of one run: clock, signals, progress on a terminal, standard output.

import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Progress } from '../properties/check.ts';
import { interrupted, isTerminal } from './terminal.ts';
import { UsageError } from './usage.ts';

export interface Session {
  /** Time is up, or the user has pressed ^C. */
  readonly stop: () => boolean;
  readonly interrupted: () => boolean;
  readonly progress: (what: string, progress: Progress) => void;
  /** A line for each cell where nobody sees the progress, and there are several. */
  readonly startCell: (number: number, of: number, what: string) => void;
  readonly clearProgress: () => void;
  /** Seconds since the start. */
  readonly seconds: () => number;
}

const PROGRESS_MS = 200;
const MS = 1000;

export function openSession(limitSeconds: number | null): Session {
  const start = Date.now();
  let shown = 0;
  const seconds = (): number => (Date.now() - start) / MS;
  const left = (): string =>
    limitSeconds === null ? '' : `, ${Math.max(0, Math.ceil(limitSeconds - seconds()))} s left`;
  return {
    stop: () => interrupted() || (limitSeconds !== null && seconds() > limitSeconds),
    interrupted,
    seconds,
    progress: (what, { phase, states, found }) => {
      if (!isTerminal() || Date.now() - shown < PROGRESS_MS) return;
      shown = Date.now();
      const rate = Math.round(states / Math.max(seconds(), 1));
      process.stderr.write(`\r\x1b[K${what}: ${phase}, ${states} states, ${rate}/s, ${found} found${left()}`);
    },
    startCell: (number, of, what) => {
      if (!isTerminal() && of > 1) complain(`cell ${number} of ${of}: ${what}`);
    },
    clearProgress: () => {
      if (isTerminal()) process.stderr.write('\r\x1b[K');
    },
  };
}

export function print(text: string): void {
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
}

export function complain(message: string): void {
  process.stderr.write(`gmem-conform: ${message}\n`);
}

/** Before anything is searched: a folder that cannot be written would lose what is found. Throws UsageError. */
export function prepareOut(folder: string): void {
  try {
    /* not recursive: below /proc a recursive mkdir never ends */
    if (!existsSync(folder)) mkdirSync(folder);
    /* root is told yes by access(): write something */
    const probe = join(folder, '.gmem-conform');
    writeFileSync(probe, '');
    rmSync(probe);
  } catch (error) {
    throw new UsageError(
      `--out ${folder}: cannot be written (${error instanceof Error ? error.message : String(error)})`,
    );
  }
}

export function writeOut(folder: string, name: string, text: string): void {
  writeFileSync(join(folder, name), text);
}
