// The order of lock classes, as lockdep learns it: from each call run alone, after nothing and after a call that
// leaves something behind. What no such run takes is not known to it.

import type { Policy } from '../api/index.ts';
import { makeCalls } from '../engine/calls.ts';
import type { Proc, Tries } from '../engine/tries.ts';
import type { Domain } from '../engine/system.ts';
import { boot, initialStates } from '../models/boot.ts';
import type { Config } from '../models/bounds.ts';
import type { Call } from '../models/calls.ts';
import { locksHeld } from '../models/describe-state.ts';
import type { Interpreter } from '../models/exec/index.ts';
import { LOCK_CLASSES } from '../models/exec/lockdep.ts';
import { BLOCKED } from '../models/steps/context.ts';
import type { Machine } from '../models/machine.ts';

export interface LockOrder {
  /** By class that is taken: a mask of those held, with which it is a step of that cycle. */
  readonly closes: Int32Array;
  /**
   * `slots_lock -> folio lock in close() > f(), where close() has taken slots_lock` for each pair of the shortest
   * cycle; empty without one.
   */
  readonly cycle: readonly string[];
}

/** Calls that leave pages, mappings or a closed fd behind. */
const LEAVES = /^(map|plug|attach|allocate|fault_|access|close|unbind)/;
const STEPS_MAX = 2000;

interface Edge {
  readonly from: number;
  readonly to: number;
  readonly by: string;
}

/** A path of edges from one class to another, shortest first; null where there is none. */
function pathOf(edges: readonly Edge[], from: number, to: number): Edge[] | null {
  const paths: Edge[][] = edges.filter((edge) => edge.from === from).map((edge) => [edge]);
  const seen = new Set([from]);
  for (let path = paths.shift(); path !== undefined; path = paths.shift()) {
    const last = path[path.length - 1].to;
    if (last === to) return path;
    if (seen.has(last)) continue;
    seen.add(last);
    for (const edge of edges) if (edge.from === last) paths.push([...path, edge]);
  }
  return null;
}

const textOf = ({ from, to, by }: Edge): string => `${LOCK_CLASSES[from]} -> ${LOCK_CLASSES[to]} in ${by}`;

export function orderOf(edges: readonly Edge[]): LockOrder {
  const cycles: Edge[][] = [];
  for (let at = 0; at < LOCK_CLASSES.length; at++) {
    const path = pathOf(edges, at, at);
    if (path !== null) cycles.push(path);
  }
  cycles.sort((a, b) => a.length - b.length);
  /* one cycle is reported, as lockdep does */
  const shortest = cycles[0] ?? [];
  const closes = new Int32Array(LOCK_CLASSES.length);
  for (const { from, to } of shortest) closes[to] |= 1 << from;
  return { closes, cycle: shortest.map(textOf) };
}

/** What is run: the calls of a model, step by step. */
export interface Lesson {
  readonly config: Config;
  readonly machine: Machine;
  readonly interpreter: Interpreter;
  readonly table: { readonly calls: readonly Call[]; readonly lockers: readonly Call[] };
  readonly domain: Pick<Domain, 'compile' | 'width' | 'apply' | 'forgotten'>;
  readonly tries: Tries;
}

/** Run every call and note each pair of classes. Throws PolicyError where a call does. */
export function learnLockOrder(lesson: Lesson): LockOrder {
  const { config, machine, interpreter, table, domain, tries } = lesson;
  const calls = makeCalls(domain, tries);
  const edges: Edge[] = [];
  const known = new Set<number>();
  const { lockdep, agents } = interpreter;

  /** False where the thread is still in the call, or has returned with a lock: nobody starts another one then. */
  const run = (m: Int32Array, call: Call): boolean => {
    const thread = machine.threads.findIndex(({ kind }) => kind === call.thread);
    if (thread < 0) return false;
    let place = calls.root(call.fn as Proc, call.args as readonly never[]);
    const takenBy = new Map<number, string>();
    lockdep.onNested = (held, to) => {
      const { frames } = calls.describe(place);
      const names = frames.map(({ fn }) => `${fn.name}()`);
      takenBy.set(to, names.at(-1) ?? '');
      for (let from = 0; from < LOCK_CLASSES.length; from++) {
        const edge = from * LOCK_CLASSES.length + to;
        if (((held >> from) & 1) === 0 || known.has(edge)) continue;
        known.add(edge);
        const outer = takenBy.get(from) ?? '';
        const where =
          outer === names.at(-1) || outer === '' ? '' : `, where ${outer} has taken ${LOCK_CLASSES[from]}`;
        edges.push({ from, to, by: `${names.join(' > ')}${where}` });
      }
    };
    for (let step = 0; step < STEPS_MAX && calls.op[place] >= 0; step++) {
      const answer = domain.apply(m, thread, calls.op[place]);
      if (answer !== BLOCKED) place = calls.next(place, answer);
      else if (!agents.some((agent) => agent.helps === true && agent.act(m))) return false;
    }
    return calls.op[place] < 0 && locksHeld(machine, m, thread).length === 0;
  };
  const slots = machine.fields.reduce((sum, { count }) => sum + count, 0);
  /* the widest of each kind */
  const firsts = new Map(
    table.calls.filter(({ word }) => LEAVES.test(word)).map((call) => [call.word, call]),
  );
  try {
    for (const initial of initialStates(config))
      for (const first of [null, ...firsts.values()]) {
        const before = boot(machine, initial, new Int32Array(slots));
        if (first !== null && !run(before, first)) continue;
        for (const call of [...table.calls, ...table.lockers]) run(before.slice(), call);
      }
  } finally {
    lockdep.onNested = null;
  }
  return orderOf(edges);
}

const learned = new WeakMap<Policy, Map<string, LockOrder>>();

/** Learned once for a policy and a configuration, whatever the number of calls. */
export function knownLockOrder(config: Config, policy: Policy, learn: () => LockOrder): LockOrder {
  const ofPolicy = learned.get(policy) ?? new Map<string, LockOrder>();
  learned.set(policy, ofPolicy);
  const key = JSON.stringify({ ...config, bounds: { ...config.bounds, calls: 0, name: '' } });
  const order = ofPolicy.get(key) ?? learn();
  ofPolicy.set(key, order);
  return order;
}
