// apply(machine, thread, step): what each step does to the machine, by its row, and what the agents do by themselves.

import { LOCKS, type Step } from '../../api/index.ts';
import { EVENT, type EventName } from '../events.ts';
import type { Machine } from '../machine.ts';
import { platformTables, rmpOf } from '../platforms/arch.ts';
import { platformOf } from '../platforms/index.ts';
import { type Exec, NotAStep, type State } from '../steps/context.ts';
import { answersOf, makeSubjects, rowOf } from '../steps/index.ts';
import type { Mover, Run } from '../steps/row.ts';
import { type View, makeView } from '../view.ts';
import { type Agent, agentsOf, timelyOf } from './agents.ts';
import { type Commuting, makeCommuting } from './commuting.ts';
import { type Lockdep, makeLockdep } from './lockdep.ts';

export interface Interpreter {
  readonly view: View;
  /** Number of the step; equal steps have equal numbers. Throws NotAStep. */
  readonly compile: (step: unknown) => number;
  readonly width: (op: number) => number;
  readonly stepOf: (op: number) => Step;
  readonly isRelease: (op: number) => boolean;
  readonly commuting: Commuting;
  readonly isAcquire: (op: number, m: State, thread: number) => boolean;
  /** An IOTLB fill, or the drain of an LRU batch, is tried before this step, also where a call begins with it. */
  readonly mayForbid: (op: number) => boolean;
  readonly mayWait: (op: number) => boolean;
  /** False where an agent may as well act later; `pending` has the step of each thread, -1 where it is idle. */
  readonly isTimely: (m: State, agent: number, pending: Int32Array) => boolean;
  /** Answer, or BLOCKED with the machine untouched. Throws NotHeld. */
  readonly apply: (m: State, thread: number, op: number) => number;
  readonly agents: readonly Agent[];
  readonly lockdep: Lockdep;
}

export function makeInterpreter(machine: Machine, events: number[]): Interpreter {
  const { config, lockAt } = machine;
  const view = makeView(machine);
  const note = (event: EventName): void => {
    events.push(EVENT[event]);
  };
  const exec: Exec = {
    machine,
    view,
    platform: platformOf(config),
    tables: platformTables(config),
    rmp: rmpOf(config),
    note,
  };
  const subjects = makeSubjects(exec);
  const lockdep = makeLockdep(exec);
  const agents = agentsOf(subjects);
  const steps: Step[] = [];
  const widths: number[] = [];
  const movers: Mover[] = [];
  /* one closure a distinct step, made when it is first met: the inner loop asks no row */
  const bound: Run[] = [];
  const forbidding: boolean[] = [];
  const numbers = new Map<string, number>();
  return {
    view,
    compile: (given) => {
      const key = JSON.stringify(given) ?? 'undefined';
      const known = numbers.get(key);
      if (known !== undefined) return known;
      checkStep(machine, given);
      const row = rowOf(given);
      row.check?.(subjects, given);
      const { run } = row;
      bound.push(lockdep.watch(given, (m, thread) => run(subjects, given, m, thread)));
      widths.push(answersOf(machine, given));
      movers.push(row.mover);
      forbidding.push(row.forbidsFill !== null || row.countsRefs !== null);
      const op = steps.push(given) - 1;
      numbers.set(key, op);
      return op;
    },
    width: (op) => widths[op] ?? 2,
    stepOf: (op) => steps[op],
    isRelease: (op) => movers[op] === 'release',
    commuting: makeCommuting(exec, steps),
    isAcquire: (op, m, thread) => {
      switch (movers[op]) {
        case 'acquire':
        case 'acquire or wait':
          return true;
        case 'acquire under mmu_lock':
        case 'acquire under mmu_lock or wait':
          return m[lockAt.mmu_lock.writer] === thread + 1;
        default:
          return false;
      }
    },
    mayForbid: (op) => forbidding[op],
    mayWait: (op) => movers[op].endsWith('wait'),
    isTimely: timelyOf(machine, view, steps, agents),
    apply: (m, thread, op) => bound[op](m, thread),
    agents,
    lockdep,
  };
}

/** Numbers inside their ranges: a policy may be plain JavaScript. */
function checkStep(machine: Machine, given: unknown): asserts given is Step {
  if (typeof given !== 'object' || given === null || !('op' in given)) {
    throw new NotAStep(
      `a step is made by a constructor of gmem-iommu-conformance/api and yielded with yield*, not ${JSON.stringify(given) ?? String(given)}`,
    );
  }
  const limits: { readonly [name: string]: number } = {
    index: machine.pages - 1,
    iova: machine.pages - 1,
    gfn: machine.pages - 1,
    start: machine.pages,
    end: machine.pages,
    pfn: machine.pfns - 1,
    pages: machine.pages,
  };
  if (rowOf(given as Step) === undefined) throw new NotAStep(`there is no step ${JSON.stringify(given)}`);
  for (const [name, value] of Object.entries(given)) {
    const max = limits[name];
    if (max === undefined) continue;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > max)
      throw new NotAStep(
        `${String(given.op)}: ${name} is ${String(value)}, must be a whole number from 0 to ${max}`,
      );
  }
  if ('lock' in given && !(LOCKS as readonly unknown[]).includes(given.lock))
    throw new NotAStep(`there is no lock '${String(given.lock)}'; known: ${LOCKS.join(', ')}`);
}
