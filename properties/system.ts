// Puts a model, a policy and the specification together into a system that the engine can search.

import { type Policy, forgottenStep, watchSteps } from '../api/index.ts';
import { CALL_LIMITS, type Guard, type Tries, makeTries } from '../engine/tries.ts';
import { PolicyError } from '../engine/errors.ts';
import { type CallOffer, type Domain, type Environment, type System, makeSystem } from '../engine/system.ts';
import { boot, initialStates } from '../models/boot.ts';
import type { Config } from '../models/bounds.ts';
import { type Call, type CallTable, callTable } from '../models/calls.ts';
import { EVENT, type EventName } from '../models/events.ts';
import { type Interpreter, makeInterpreter } from '../models/exec/index.ts';
import { type Machine, declareMachine } from '../models/machine.ts';
import { streamsOf } from '../models/platforms/arch.ts';
import { makeSwap } from '../models/exec/twins.ts';
import { NotAStep, NotHeld } from '../models/steps/context.ts';
import { rowOf } from '../models/steps/index.ts';
import { type LockOrder, knownLockOrder, learnLockOrder } from './lock-order.ts';
import { KEYS, type Key, PROPERTIES, makeJudge } from './spec/keys.ts';
import { resultText } from './spec/made.ts';
import type { Questions } from './spec/questions.ts';
import { judgementOf } from './spec/index.ts';

/** A model of one policy on one base and platform, before anybody has said who may start what. */
export interface Model {
  readonly config: Config;
  readonly policy: Policy;
  readonly machine: Machine;
  readonly interpreter: Interpreter;
  readonly table: CallTable;
  readonly questions: Questions;
  /** Keys that are judged here. */
  readonly keys: readonly Key[];
  readonly domain: Domain;
  /** What the functions of its calls do: the same in all of its systems. */
  readonly tries: Tries;
  readonly guard: Guard | undefined;
  readonly system: (
    environment: Environment,
    placeBits: number,
    initial?: number | readonly number[],
  ) => System;
}

export interface ModelOptions {
  readonly guard?: Guard;
  /** Judge these keys only. */
  readonly only?: readonly Key[];
}

/** The offers of a thread: the calls of its kind. */
export const offersOf = (table: CallTable, kind: string): CallOffer[] =>
  table.calls
    .filter((call) => call.thread === kind)
    .map(({ name, fn, args }) => ({ name, fn, args }) as CallOffer);

/* To learn the order takes as long as a small search. */
const isOfLockOrder = ({ breach }: Key): boolean =>
  'event' in breach && breach.event === ('lock-order-inverted' satisfies EventName);

/** Errors of the interpreter are the policy's: they are raised by what it yields. */
function asPolicyError(error: unknown): unknown {
  return error instanceof NotAStep || error instanceof NotHeld
    ? new PolicyError(error.message, { cause: error })
    : error;
}

/** What the result of a call tells: appends events. */
function judgeResult(machine: Machine, calls: ReadonlyMap<string, Call>, events: number[]) {
  const { config } = machine;
  const note = (event: EventName): void => {
    events.push(EVENT[event]);
  };
  return (m: Int32Array, offer: CallOffer, result: unknown): void => {
    note('call-returned');
    if (result === 0) return;
    const text = resultText(result);
    if (text === '0') return;
    note('call-failed');
    const call = calls.get(offer.name);
    if (call === undefined) return;
    if (!call.errnos.includes(text)) note('errno-undocumented');
    if (typeof result === 'object' && result !== null && 'error_offset' in result) {
      const offset = Number(result.error_offset);
      if (!(offset >= call.range.start && offset < call.range.end)) note('error-offset-out-of-range');
    }
    if (config.base === 'v8' && call.word.startsWith('convert') && /^-(EAGAIN|ENOMEM)$/.test(String(result)))
      note('error-offset-out-of-range');
    if (call.word.startsWith('map')) {
      const { iopte, area } = machine.at;
      for (let iova = call.range.start; iova < call.range.end; iova++)
        if (m[iopte + iova] !== 0 && m[area + iova] === 0) {
          note('map-failed-leaving-ioptes');
          return;
        }
    }
  };
}

/** `replaces` is a function of the policy's too, and runs here. */
function guardedTable(config: Config, policy: Policy, guard: Guard | undefined): CallTable {
  if (guard === undefined) return callTable(config, policy);
  try {
    return guard(() => callTable(config, policy));
  } catch (error) {
    throw new PolicyError(`replaces() threw: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

const wanted = (initial: number | readonly number[], k: number): boolean =>
  typeof initial === 'number' ? initial === k : initial.includes(k);

/** The agent of the same kind that serves the thread which stands there. */
const agentForOf =
  ({ agents }: Interpreter) =>
  (agent: number, standing: readonly number[]): number => {
    const { serves } = agents[agent];
    return serves === undefined ? agent : agent - serves + standing[serves];
  };

const stuckOf = ({ agents, stepOf }: Interpreter): Domain['stuck'] & {} => ({
  property: EVENT.stuck,
  helps: (agent) => agents[agent].helps === true,
  /* a spin on somebody's pin: no-unbounded-retry says so, and user space may still let go */
  unless: (op) => rowOf(stepOf(op)).waitsForUser,
});

export function makeModel(config: Config, policy: Policy, options: ModelOptions = {}): Model {
  const events: number[] = [];
  const machine = declareMachine(config, policy);
  const interpreter = makeInterpreter(machine, events);
  const table = guardedTable(config, policy, options.guard);
  let order: LockOrder | null = null;
  const lockOrder = (): LockOrder => {
    if (order !== null) return order;
    const noted = events.length;
    order = knownLockOrder(config, policy, () =>
      learnLockOrder({ config, machine, interpreter, table, domain, tries }),
    );
    events.length = noted;
    return order;
  };
  const questions: Questions = {
    machine,
    view: interpreter.view,
    at: machine.at,
    pins: policy.pins === true,
    notified: policy.invalidate_start !== undefined || policy.invalidate_end !== undefined,
    streams: streamsOf(config),
    lockCycle: () => lockOrder().cycle,
    lockCloses: () => lockOrder().closes,
  };
  const judged = (options.only ?? KEYS).filter(
    (key) => judgementOf(key.invariant.name, config) !== 'not judged',
  );
  const { lockdep } = interpreter;
  if (judged.some(isOfLockOrder)) lockdep.closes = () => lockOrder().closes;
  const byName = new Map(table.calls.map((call) => [call.name, call]));
  const returned = judgeResult(machine, byName, events);
  const { host_dead } = machine.at;
  const domain: Domain = {
    fields: machine.fields.map(({ name, bits, count }) => ({ name, bits, count })),
    initial: (fresh) => initialStates(config).map((initial) => boot(machine, initial, fresh())),
    threads: machine.threads,
    compile: (step) => {
      try {
        return interpreter.compile(step);
      } catch (error) {
        throw asPolicyError(error);
      }
    },
    width: interpreter.width,
    ...(options.guard === undefined ? {} : { forgotten: { watch: watchSteps, ask: forgottenStep } }),
    reduction: {
      ...interpreter.commuting,
      isRelease: interpreter.isRelease,
      isAcquire: interpreter.isAcquire,
      mayWait: interpreter.mayWait,
      isTimely: interpreter.isTimely,
      mayForbid: interpreter.mayForbid,
      areTwins: (kind) => kind === 'vmm',
      swap: makeSwap(machine),
      agentFor: agentForOf(interpreter),
    },
    apply: (m, thread, op) => {
      try {
        return interpreter.apply(m, thread, op);
      } catch (error) {
        throw asPolicyError(error);
      }
    },
    finish: (m, _thread, offer, result) => returned(m, offer, result),
    agents: interpreter.agents.map((agent) => agent.name),
    act: (m, agent) => interpreter.agents[agent].act(m),
    properties: PROPERTIES,
    judge: makeJudge(questions, judged),
    events,
    stuck: stuckOf(interpreter),
    isTerminal: (m) => m[host_dead] === 1,
  };
  const tries = makeTries(domain, CALL_LIMITS, options.guard);
  return {
    config,
    policy,
    machine,
    interpreter,
    table,
    questions,
    keys: judged,
    domain,
    tries,
    guard: options.guard,
    system: (environment, placeBits, initial) => {
      const chosen =
        initial === undefined
          ? domain
          : {
              ...domain,
              initial: (fresh: () => Int32Array) =>
                domain.initial(fresh).filter((_, k) => wanted(initial, k)),
            };
      return makeSystem(chosen, environment, { placeBits, tries });
    },
  };
}

/** Any thread may start any of its calls, `calls` in all. */
export function freeEnvironment(model: Model, calls: number): Environment {
  return {
    kind: 'free',
    calls,
    offers: model.machine.threads.map((thread) => offersOf(model.table, thread.kind)),
  };
}
