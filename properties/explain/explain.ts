// A finding as a report wants it: the steps in columns, the state it starts from, the breach, and what has changed
// since.

import type { Place } from '../../engine/calls.ts';
import { type ReplayedStep, replay } from '../../engine/replay.ts';
import type { System } from '../../engine/system.ts';
import { boot, initialStates } from '../../models/boot.ts';
import { describeState, diffStates, locksHeld } from '../../models/describe-state.ts';
import { type StepText, describeAgent, describeStep } from '../../models/describe.ts';
import { ACCESS_WORDS, EVENT, EVENTS } from '../../models/events.ts';
import type { TraceStep } from '../../models/results.ts';
import { stateLines } from './explain-state.ts';
import { keptOf, stuckOf } from './explain-stuck.ts';
import { keyName, witnessOf } from '../spec/keys.ts';
import type { Finding } from '../finding.ts';
import type { Model } from '../system.ts';

const LOCK_KEPT = keyName('nothing-left-at-release', 'lock');

type Frame = Place['frames'][number];

export interface Explanation {
  readonly trace: readonly TraceStep[];
  /** Initial state in words. */
  readonly initially: string;
  /** The breach in the field's words. */
  readonly witness: string;
  /** What the witness is about, with the step that made it so. */
  readonly state: readonly string[];
  /** What the state alone tells of the reason. */
  readonly why: readonly string[];
}

/** 0 or an errno. */
function resultText(result: unknown): string {
  if (result === null || result === undefined) return '0';
  return typeof result === 'object' && 'errno' in result
    ? String(result.errno)
    : typeof result === 'string'
      ? result
      : JSON.stringify(result);
}

const sameCall = (a: Frame, b: Frame): boolean =>
  a.fn === b.fn && JSON.stringify(a.args) === JSON.stringify(b.args);

/** How many of the frames were entered already when the thread made its last step. */
function framesKept(before: readonly Frame[], now: readonly Frame[]): number {
  let kept = 0;
  while (kept < before.length && kept < now.length && sameCall(before[kept], now[kept])) {
    const [was, is] = [before[kept], now[kept]];
    /* a function that has had no new answer, and made a step, was left and entered again */
    if (kept === before.length - 1 && is.answers.length <= was.answers.length) return kept;
    kept++;
    /* a new answer: what was inside of it has returned */
    if (is.answers.length !== was.answers.length) return kept;
  }
  return kept;
}

/** Outcome of an access that the step made, in words; empty where it made none, or all went well. */
export function outcomeOf(properties: readonly number[]): string {
  for (const property of properties) {
    const words = ACCESS_WORDS[EVENTS[property] ?? 'stuck'];
    if (words !== undefined) return words;
  }
  return '';
}

function textOf(model: Model, system: System, step: ReplayedStep): StepText {
  const { machine } = model;
  const { actor, op, before, after } = step;
  if (actor >= system.threads)
    return describeAgent(machine, system.domain.agents[actor - system.threads] ?? '', before, after);
  if (op < 0) return { step: 'return', text: 'returns at once', answer: '', args: {} };
  return describeStep(machine, model.interpreter.stepOf(op), step.answer, { thread: actor, before, after });
}

/** Column and name of each step, `1.3`: columns in the order in which their threads first act. */
function numbering(names: readonly string[]): string[] {
  const columns: string[] = [];
  const counts = new Map<string, number>();
  return names.map((name) => {
    if (!columns.includes(name)) columns.push(name);
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    return `${columns.indexOf(name) + 1}.${count}`;
  });
}

/** Name of the column of an actor: agents of the IOMMU share one. */
export function columnOf(system: System, actor: number): string {
  const { threads, agents } = system.domain;
  return actor < system.threads
    ? (threads[actor]?.name ?? '')
    : ((agents[actor - system.threads] ?? '').split(': ')[0] ?? '');
}

/** Numbers of the steps of a path, as its table shows them. */
export const stepNumbers = (system: System, steps: readonly ReplayedStep[]): string[] =>
  numbering(steps.map((step) => columnOf(system, step.actor)));

export function traceOf(model: Model, system: System, steps: readonly ReplayedStep[]): TraceStep[] {
  const { machine } = model;
  const numbers = stepNumbers(system, steps);
  const lastFrames = new Map<number, readonly Frame[]>();
  return steps.map((step, k) => {
    const { actor, place, starts, returns } = step;
    const frames = place?.frames ?? [];
    const before =
      starts === null
        ? (lastFrames.get(actor) ?? [])
        : frames.slice(0, 1).map((f) => ({ ...f, answers: [] }));
    const kept = starts === null ? framesKept(before, frames) : 1;
    lastFrames.set(actor, frames);
    const words = textOf(model, system, step);
    const outcome = outcomeOf(step.properties);
    return {
      n: numbers[k],
      thread: columnOf(system, actor),
      call: starts?.name ?? null,
      enters: frames.slice(Math.max(1, kept)).map((frame) => frame.fn.name),
      depth: Math.max(0, frames.length - 1),
      step: words.step,
      text: words.text,
      args: words.args,
      answer: outcome === '' ? words.answer : outcome,
      returns: returns === null ? null : resultText(returns.result),
      locks: actor < system.threads ? locksHeld(machine, step.after, actor) : [],
      diff: diffStates(machine, step.before, step.after),
    };
  });
}

/** Number of the initial state among those of the configuration, or -1. */
export function initialNumber(model: Model, state: Int32Array): number {
  const { machine, config } = model;
  return initialStates(config).findIndex((initial) => {
    const booted = boot(machine, initial, new Int32Array(state.length));
    return booted.every((value, slot) => value === state[slot]);
  });
}

function initiallyOf(model: Model, state: Int32Array): string {
  const says = initialStates(model.config)[initialNumber(model, state)]?.says;
  if (says !== undefined) return says;
  const { machine } = model;
  const facts = [...describeState(machine, state)].filter(
    ([field, value]) => /^(index|IOPTE|IOTLB)/.test(field) && value !== 'none',
  );
  return facts.map(([field, value]) => `${field}: ${value}`).join('; ');
}

export function explain(model: Model, finding: Finding): Explanation {
  const { system, key } = finding;
  const { initial, steps, last } = replay(system, finding.path);
  const trace = traceOf(model, system, steps);
  const witness = witnessOf(model.questions, key, last, system.placeAt);
  const about = 'event' in key.breach ? describeLast(trace) : witness;
  const stuck = key.property === EVENT.stuck ? stuckOf(model, system, last, trace) : null;
  const locks = key.name === LOCK_KEPT ? keptOf(trace, steps) : stuck;
  return {
    trace,
    initially: initiallyOf(model, initial),
    witness: stuck === null ? witness : `${witness}: ${stuck.witness}`,
    state: [...(locks?.state ?? []), ...stateLines(about, trace)],
    why: locks?.why ?? [],
  };
}

/** What the guilty step is about, where the witness has no names. */
function describeLast(trace: readonly TraceStep[]): string {
  const step = trace.at(-1);
  if (step === undefined) return '';
  const spaces: { readonly [name: string]: (n: string) => string } = {
    iova: (n) => `IOPTE[iova ${n}]`,
    index: (n) => `index ${n}`,
    pfn: (n) => `pfn ${n}`,
  };
  const named = Object.entries(step.args).map(([name, value]) => spaces[name]?.(String(value)) ?? '');
  return [...named, step.text, ...step.diff.map(({ field }) => field)].join('; ');
}
