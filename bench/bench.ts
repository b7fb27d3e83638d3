// The figures of `npm run bench`: medians of runs in processes of their own, taken in turn with SPIN.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { CoreInstance } from './core.ts';
import { type MachineFigures, measureMachine } from './machine.ts';
import { compileSpin, hasSpin } from './spin.ts';

export interface CoreFigures {
  readonly instance: string;
  readonly states: number;
  readonly transitions: number;
  readonly cpuSeconds: number;
  /** Null where SPIN is not installed. */
  readonly spinCpuSeconds: number | null;
  readonly rssMb: number;
}

export interface WalkFigures {
  /** Atomic steps of random walks, states not judged. */
  readonly stepsPerCpuSecond: number;
  readonly judgedStepsPerCpuSecond: number;
}

export interface Figures {
  readonly version: 1;
  readonly core: readonly CoreFigures[];
  readonly walk: WalkFigures;
  readonly machine: MachineFigures | null;
}

/** An instance and what is known of it; sizes that do not fit into `memoryMb` are left out. */
interface Known {
  readonly instance: CoreInstance;
  readonly states: number;
  readonly transitions: number;
  readonly memoryMb: number;
}

const known = (
  pages: number,
  converts: number,
  maps: number,
  accesses: number,
  states: number,
  transitions: number,
  memoryMb: number,
): Known => ({
  instance: { pages, converts, maps, accesses },
  states,
  transitions,
  memoryMb,
});
export const INSTANCES: readonly Known[] = [
  known(4, 2, 3, 3, 164_436, 811_772, 200),
  known(4, 3, 4, 4, 1_263_880, 6_677_652, 300),
  known(4, 3, 7, 6, 4_845_683, 27_311_804, 400),
];
/** For `--full`. */
export const LARGE: readonly Known[] = [
  known(5, 3, 5, 6, 13_425_027, 86_569_470, 1_200),
  known(6, 3, 5, 6, 52_224_577, 378_712_812, 5_000),
];

interface Run {
  readonly states?: number;
  readonly transitions?: number;
  readonly steps?: number;
  readonly cpuSeconds: number;
  readonly rssMb: number;
}

export const nameOf = ({ pages, converts, maps, accesses }: CoreInstance): string =>
  [pages, converts, maps, accesses].join(' ');

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

function runOnce(
  job: 'explore' | 'plain' | 'judged',
  { pages, converts, maps, accesses }: CoreInstance,
): Run {
  const script = fileURLToPath(new URL('one.ts', import.meta.url));
  const numbers = [pages, converts, maps, accesses].map(String);
  const out = spawnSync(process.execPath, [...process.execArgv, script, job, ...numbers], {
    encoding: 'utf8',
  });
  if (out.status !== 0) throw new Error(`${script} ${job} ${numbers.join(' ')} failed:\n${out.stderr}`);
  return JSON.parse(out.stdout) as Run;
}

/** Counts that differ from the known ones are an error: a fast wrong search is worth nothing. */
function check(
  of: string,
  { instance, states, transitions }: Known,
  run: { states?: number; transitions?: number },
  extra: number,
): void {
  if (run.states === states + extra && run.transitions === transitions + 2 * extra) return;
  throw new Error(
    `${of} counts ${run.states} states, ${run.transitions} transitions on ${nameOf(instance)}; expected ${states}, ${transitions}`,
  );
}

export function measureCore(given: Known, runs: number, withSpin: boolean): CoreFigures {
  const { instance, states, transitions } = given;
  const ours: Run[] = [];
  const spins: number[] = [];
  const spin = withSpin ? compileSpin(instance) : null;
  for (let k = 0; k < runs; k++) {
    const run = runOnce('explore', instance);
    check('the engine', given, run, 0);
    ours.push(run);
    const theirs = spin?.run() ?? null;
    if (theirs === null) continue;
    /* SPIN counts one state and two transitions more, for its init process. */
    check('SPIN', given, theirs, 1);
    spins.push(theirs.cpuSeconds);
  }
  spin?.remove();
  return {
    instance: nameOf(instance),
    states,
    transitions,
    cpuSeconds: median(ours.map((run) => run.cpuSeconds)),
    spinCpuSeconds: spins.length === 0 ? null : median(spins),
    rssMb: median(ours.map((run) => run.rssMb)),
  };
}

export function measureWalk(runs: number): WalkFigures {
  const instance = { pages: 4, converts: 3, maps: 7, accesses: 6 };
  const speed = (job: 'plain' | 'judged'): number => {
    const speeds = Array.from({ length: runs }, () => runOnce(job, instance)).map(
      ({ steps = 0, cpuSeconds }) => steps / cpuSeconds,
    );
    return Math.round(median(speeds));
  };
  return { stepsPerCpuSecond: speed('plain'), judgedStepsPerCpuSecond: speed('judged') };
}

export interface BenchOptions {
  readonly instances: readonly Known[];
  readonly runs: number;
  readonly spin: boolean;
  /** Told of each row as soon as it is there. */
  readonly onRow?: (row: CoreFigures) => void;
}

export function measureAll({ instances, runs, spin, onRow }: BenchOptions): Figures {
  const core = instances.map((instance) => {
    const row = measureCore(instance, runs, spin);
    onRow?.(row);
    return row;
  });
  return { version: 1, core, walk: measureWalk(Math.min(runs, 3)), machine: measureMachine() };
}

export { hasSpin };
