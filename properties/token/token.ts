// A finding as one number, and back: what was checked, what was broken, and the schedule. reports/token.ts spells it.

import type { Policy } from '../../api/index.ts';
import { PathError } from '../../engine/errors.ts';
import type { Path } from '../../engine/explore.ts';
import { type Choice, choicesOf, pathOfChoices } from '../../engine/replay.ts';
import {
  type CallOffer,
  type Environment,
  type Move,
  type System,
  withPlaceBits,
} from '../../engine/system.ts';
import type { Config } from '../../models/bounds.ts';
import { type Blame, TOKEN_NUMBER_MAX } from '../../models/results.ts';
import { initialNumber } from '../explain/explain.ts';
import { KEYS, type Key } from '../spec/keys.ts';
import type { Finding } from '../finding.ts';
import { type Model, freeEnvironment, makeModel, offersOf } from '../system.ts';
import { readConfig, writeConfig } from './config.ts';
import { type Digit, encodeDigits, makeReader } from './digits.ts';
import { hashOf, modelFingerprint, policyFingerprint } from './fingerprint.ts';

export interface TokenExtra {
  readonly blame: Blame;
}

/** What a token says. Null where it speaks of something that is not here any more. */
export interface Decoded {
  readonly policy: Policy | null;
  readonly config: Config;
  readonly key: Key | null;
  readonly blame: Blame;
  readonly model: Model | null;
  /** Any thread, any call, as many calls as were made: the environment that `path` belongs to. */
  readonly environment: Environment | null;
  readonly path: Path | null;
  /** Calls of each thread, in order. */
  readonly scenario: readonly (readonly CallOffer[])[];
  /** What is not as it was when the token was made, in sentences. Empty: it replays exactly. */
  readonly stale: readonly string[];
}

const FORMAT = 1;
const FORMATS = 4;
const POLICY_BITS = 16;
const PRINT_BITS = 12;
const PRINTS = 2 ** PRINT_BITS;
const KEYS_MAX = 256;
const INITIALS_MAX = 8;
const CALLS_MAX = 16;
const STEPS_MAX = 128;

/** Calls in the order in which they start: who, and which of the calls of that kind of thread. */
interface Started {
  readonly thread: number;
  readonly call: number;
}

function startedIn(model: Model, { system, path }: Finding): Started[] | null {
  const found = path.moves.flatMap((move): Started[] => {
    const offer = system.environment.offers[system.actorOf(move)]?.[system.offerOf(move)];
    if (offer === undefined) return [];
    const thread = system.actorOf(move);
    const call = callsOf(model, thread).findIndex(({ name }) => name === offer.name);
    return [{ thread, call }];
  });
  return found.some(({ call }) => call < 0) ? null : found;
}

const callsOf = (model: Model, thread: number): CallOffer[] =>
  offersOf(model.table, model.machine.threads[thread]?.kind ?? '');

const scenarioOf = (model: Model, started: readonly Started[]): CallOffer[][] =>
  model.machine.threads.map((_, thread) =>
    started.filter((each) => each.thread === thread).map(({ call }) => callsOf(model, thread)[call]),
  );

/** The same steps, where the calls that start are named by their place in `callOf`. */
function translated(
  from: System,
  to: System,
  moves: readonly Move[],
  callOf: (thread: number, k: number) => number,
): Move[] {
  const counts = new Map<number, number>();
  return moves.map((move) => {
    const thread = from.actorOf(move);
    if (from.offerOf(move) < 0) return move;
    const k = counts.get(thread) ?? 0;
    counts.set(thread, k + 1);
    return to.startMove(thread, callOf(thread, k));
  });
}

/** Run in a system where each thread has its list of calls and nothing else. */
const inScenario = <T>(model: Model, offers: CallOffer[][], initial: number, run: (system: System) => T): T =>
  withPlaceBits((bits) => model.system({ kind: 'scenario', offers }, bits, initial), run);

function scheduleDigits(choices: readonly Choice[]): Digit[] {
  return [
    { value: choices.length, radix: STEPS_MAX },
    ...choices.map(({ index, enabled }) => ({ value: index, radix: enabled })),
  ];
}

function callDigits(model: Model, started: readonly Started[]): Digit[] {
  const threads = model.machine.threads.length;
  return [
    { value: started.length, radix: CALLS_MAX },
    ...started.flatMap(({ thread, call }) => [
      { value: thread, radix: threads },
      { value: call, radix: callsOf(model, thread).length },
    ]),
  ];
}

/** Null where a token cannot hold it: too many calls or steps, or numbers beyond their limits. */
export function encodeFinding(model: Model, finding: Finding, extra: TokenExtra): bigint | null {
  const { system, path, key } = finding;
  const initial = initialNumber(model, system.initial[path.initial].subarray(0, fieldSlots(model)));
  const started = startedIn(model, finding);
  const config = writeConfig(model.config);
  if (initial < 0 || started === null || config === null) return null;
  if (started.length >= CALLS_MAX || path.moves.length >= STEPS_MAX) return null;
  const positions = (_thread: number, k: number): number => k;
  const choices = inScenario(model, scenarioOf(model, started), initial, (scenario) =>
    choicesOf(scenario, { initial: 0, moves: translated(system, scenario, path.moves, positions) }),
  );
  const digits: Digit[] = [
    { value: FORMAT, radix: FORMATS },
    { value: hashOf(model.policy.name, POLICY_BITS), radix: 2 ** POLICY_BITS },
    { value: policyFingerprint(model), radix: PRINTS },
    { value: modelFingerprint(model), radix: PRINTS },
    ...config,
    { value: KEYS.findIndex(({ name }) => name === key.name), radix: KEYS_MAX },
    { value: extra.blame === 'base' ? 1 : 0, radix: 2 },
    { value: initial, radix: INITIALS_MAX },
    ...callDigits(model, started),
    ...scheduleDigits(choices),
  ];
  const number = encodeDigits(digits);
  return number > TOKEN_NUMBER_MAX ? null : number;
}

const fieldSlots = (model: Model): number => model.machine.fields.reduce((sum, { count }) => sum + count, 0);

type Read = (radix: number) => number;

function readStarted(model: Model, read: Read): Started[] {
  const threads = model.machine.threads.length;
  return Array.from({ length: read(CALLS_MAX) }, () => {
    const thread = read(threads);
    return { thread, call: read(Math.max(1, callsOf(model, thread).length)) };
  });
}

interface Schedule {
  readonly scenario: readonly (readonly CallOffer[])[];
  readonly environment: Environment;
  readonly path: Path | null;
  readonly stale: readonly string[];
}

/** The calls and the path; where the schedule has no meaning any more, the calls alone. */
function readSchedule(model: Model, initial: number, read: Read): Schedule {
  const started = readStarted(model, read);
  const scenario = scenarioOf(model, started);
  const environment = freeEnvironment(model, started.length);
  const callOf = (thread: number, k: number): number =>
    started.filter((each) => each.thread === thread)[k].call;
  const steps = read(STEPS_MAX);
  const lost = (why: string): Schedule => ({
    scenario: scenario.map((list) => list.filter((offer) => offer !== undefined)),
    environment,
    path: null,
    stale: [`the schedule does not fit any more: ${why}`],
  });
  /* the index may be that of a call which this policy does not have */
  if (scenario.flat().some((offer) => offer === undefined)) return lost('it starts a call that is not there');
  try {
    const moves = inScenario(model, scenario, initial, (system) => {
      const made = pathOfChoices(system, 0, (enabled, step) =>
        step > steps || enabled === 0 ? -1 : read(enabled),
      );
      if (made.moves.length < steps) throw new PathError(made.moves.length + 1, 'nobody can move');
      return translated(system, system, made.moves, callOf);
    });
    return { scenario, environment, path: { initial, moves }, stale: [] };
  } catch (error) {
    if (!(error instanceof PathError)) throw error;
    return lost(error.message);
  }
}

function differences(model: Model, policyPrint: number, modelPrint: number): string[] {
  const { name } = model.policy;
  return [
    ...(modelPrint === modelFingerprint(model) ? [] : ['made by another version of the model']),
    ...(policyPrint === policyFingerprint(model)
      ? []
      : [`unknown policy fingerprint: ${name} does other steps here than when the token was made`]),
  ];
}

/** Reads what can be read, and says what is stale. */
export function decodeFinding(token: bigint, policies: readonly Policy[]): Decoded {
  const { read } = makeReader(token);
  const format = read(FORMATS);
  const [name, policyPrint, modelPrint] = [read(2 ** POLICY_BITS), read(PRINTS), read(PRINTS)];
  const { config, stale } = readConfig(read);
  const key = KEYS[read(KEYS_MAX)] ?? null;
  const blame: Blame = read(2) === 1 ? 'base' : 'policy';
  const initial = read(INITIALS_MAX);
  const policy = policies.find((each) => hashOf(each.name, POLICY_BITS) === name) ?? null;
  const head = { policy, config, key, blame };
  const nothing = { model: null, environment: null, path: null, scenario: [] };
  const said = [
    ...(format === FORMAT ? [] : [`made in format ${format}, this program reads ${FORMAT}`]),
    ...stale,
    ...(key === null ? ['the invariant that it broke is not known here'] : []),
    ...(policy === null ? ['its policy is not known here'] : []),
  ];
  if (policy === null || said.length > 0) return { ...head, ...nothing, stale: said };
  const model = makeModel(config, policy);
  const differs = differences(model, policyPrint, modelPrint);
  const schedule = readSchedule(model, initial, read);
  return { ...head, model, ...schedule, stale: [...differs, ...schedule.stale] };
}

/** The finding that a token stands for, in a system of its own. Null where the path is lost. */
export function findingOf(
  decoded: Decoded,
  placeBits: number,
): Omit<Finding, 'certified' | 'certifiedStates'> | null {
  const { model, environment, path, key } = decoded;
  if (model === null || environment === null || path === null || key === null) return null;
  const system = model.system(environment, placeBits);
  const actors = path.moves.map(system.actorOf);
  return {
    key,
    system,
    path,
    calls: path.moves.filter((move) => system.offerOf(move) >= 0).length,
    switches: actors.filter((actor, k) => k > 0 && actor !== actors[k - 1]).length,
    steps: path.moves.length,
  };
}
