// Scenarios that once failed, as plain JSON: by names, not numbers, so that they survive changes of the model.

import { type Path, explore } from '../../engine/explore.ts';
import type { CallOffer, Move, System } from '../../engine/system.ts';
import { initialStates } from '../../models/boot.ts';
import { ASSUMPTIONS, type Assumptions, type Config, assumptions } from '../../models/bounds.ts';
import type { Bounds } from '../../models/results.ts';
import { type CorpusEntry, entryOf } from './format.ts';
import { type Key, keyOf } from '../spec/keys.ts';
import { inOrderOfStart, movesOfNames, namesOf, systemFor } from '../sampling/named-paths.ts';
import type { Finding } from '../finding.ts';
import { type Model, freeEnvironment, offersOf } from '../system.ts';

export { type CorpusEntry, CorpusError } from './format.ts';

const PLACE_BITS = 20;
const STATES_MAX = 300_000;

/** One file. Throws CorpusError, which names the file and says what is wrong. */
export function loadCorpus(file: string, text: string): CorpusEntry {
  return entryOf(file, text);
}

function sameAssumptions(entry: CorpusEntry, assumed: Assumptions): boolean {
  const wanted = assumptions(entry.assumptions);
  return ASSUMPTIONS.every(({ name }) => assumed[name] === wanted[name]);
}

/** What both say by the defaults is the same as what neither says. */
function sameSettings(entry: CorpusEntry, config: Config): boolean {
  const told = ({ ats, guest, cast }: Pick<Config, 'ats' | 'guest' | 'cast'>): string =>
    JSON.stringify([ats === true, guest ?? null, cast ?? []]);
  return told(entry) === told(config);
}

function fits(entry: CorpusEntry['bounds'], bounds: Bounds): boolean {
  return (
    entry.pages === bounds.pages &&
    entry.hugePages === bounds.hugePages &&
    entry.calls <= bounds.calls &&
    entry.vmmThreads <= bounds.vmmThreads &&
    entry.vcpus <= bounds.vcpus &&
    entry.devices <= bounds.devices
  );
}

/** The entry is about this policy on this base and platform, within these bounds. */
export function isAbout(entry: CorpusEntry, { config, policy }: Model): boolean {
  return (
    entry.policy === policy.name &&
    entry.base === config.base &&
    entry.platform === config.platform &&
    entry.vmm === config.vmm &&
    /* a model with both kinds of devices has the runs of one with either */
    (config.device === null || entry.device === config.device) &&
    config.fail === null &&
    sameSettings(entry, config) &&
    fits(entry.bounds, config.bounds) &&
    sameAssumptions(entry, config.assumptions)
  );
}

/** The calls of each thread, or null where a thread or a call of that name is not there any more. */
function scenarioOf(model: Model, entry: CorpusEntry): CallOffer[][] | null {
  const { threads } = model.machine;
  const lists = threads.map((): CallOffer[] => []);
  for (const [threadName, callName] of entry.calls) {
    const thread = threads.findIndex(({ name }) => name === threadName);
    const offers = thread < 0 ? [] : offersOf(model.table, threads[thread].kind);
    const offer = offers.find(({ name }) => name === callName);
    if (offer === undefined) return null;
    lists[thread].push(offer);
  }
  return lists;
}

const moveOf = (system: System, actor: number): Move =>
  actor < system.threads ? system.continueMove(actor) : system.agentMove(actor - system.threads);

/** Follows the schedule for as long as it can be followed: an idle thread starts its next call. */
function play(
  system: System,
  scenario: readonly CallOffer[][],
  entry: CorpusEntry,
  initial: number,
  key: Key,
): Path | null {
  const { domain, environment, placeAt } = system;
  const names = [...domain.threads.map(({ name }) => name), ...domain.agents];
  const state = system.initial[initial].slice();
  const started = scenario.map(() => 0);
  const moves: Move[] = [];
  const found: number[] = [];
  for (const name of entry.schedule.flatMap(([actor, count]) => Array.from({ length: count }, () => actor))) {
    const actor = names.indexOf(name);
    const starts = actor < system.threads && actor >= 0 && state[placeAt[actor]] === 0;
    const next = starts ? scenario[actor][started[actor]++] : undefined;
    const offer =
      next === undefined ? -1 : environment.offers[actor].findIndex((each) => each.name === next.name);
    if (actor < 0 || (starts && offer < 0)) return null;
    const move = starts ? system.startMove(actor, offer) : moveOf(system, actor);
    if (!system.step(state, move)) return null;
    moves.push(move);
    found.push(...domain.events);
    domain.judge(state, found, placeAt);
    if (found.includes(key.property)) return { initial, moves };
    found.length = 0;
  }
  return null;
}

/** Any schedule of these calls that breaks the key, from any initial state. */
function searched(model: Model, scenario: readonly CallOffer[][], key: Key, free: System): Path | null {
  const system = systemFor(model, { kind: 'scenario', offers: scenario }, [key], PLACE_BITS);
  const path = explore(system, { until: [key.property], statesMax: STATES_MAX }).pathTo(key.property);
  if (path === null) return null;
  const moves = movesOfNames(free, inOrderOfStart(free, namesOf(system, path.moves)));
  return moves === null ? null : { initial: path.initial, moves };
}

export interface EntryRun {
  /** On the free environment of as many calls as the bounds have. Null where the key was not hit. */
  readonly path: Path | null;
  /** The schedule written down still does it; else all schedules of its calls were searched. */
  readonly asWritten: boolean;
  /** What the entry says holds: `Sometimes` was hit, `Never` was not. */
  readonly asExpected: boolean;
  /** Why it could not be run at all. */
  readonly gone?: string;
}

/** Run an entry that is about this model. */
export function runEntry(model: Model, entry: CorpusEntry): EntryRun {
  const key = keyOf(entry.invariant, entry.outcome);
  const scenario = scenarioOf(model, entry);
  const lost = (gone: string): EntryRun => ({
    path: null,
    asWritten: false,
    asExpected: entry.result === 'Never',
    gone,
  });
  if (key === undefined) return lost(`there is no ${entry.invariant} (${entry.outcome})`);
  if (scenario === null) return lost('a thread or a call of that name is not there');
  const system = systemFor(model, freeEnvironment(model, model.config.bounds.calls), [key], PLACE_BITS);
  const initial = initialStates(model.config).findIndex(({ says }) => says === entry.initial);
  const written = initial < 0 ? null : play(system, scenario, entry, initial, key);
  const path = written ?? searched(model, scenario, key, system);
  return {
    path,
    asWritten: written !== null,
    asExpected: (path !== null) === (entry.result === 'Sometimes'),
  };
}

/**
 * A path for each property that an entry about this model hits as it says: on the free system of its bounds.
 */
export function runCorpus(model: Model, entries: readonly CorpusEntry[]): Map<number, Path> {
  const found = new Map<number, Path>();
  for (const entry of entries) {
    const key = keyOf(entry.invariant, entry.outcome);
    if (
      entry.result === 'Never' ||
      key === undefined ||
      found.has(key.property) ||
      !model.keys.includes(key) ||
      !isAbout(entry, model)
    )
      continue;
    const { path } = runEntry(model, entry);
    if (path !== null) found.set(key.property, path);
  }
  return found;
}

/** The configuration that an entry is about. */
export function configOfEntry(entry: CorpusEntry, defaults: Config): Config {
  const { base, platform, vmm, device = null, ats, guest, cast } = entry;
  const bounds = { ...defaults.bounds, name: 'custom', ...entry.bounds };
  return {
    ...defaults,
    base,
    platform,
    vmm,
    device,
    ...(ats === undefined ? {} : { ats }),
    ...(guest === undefined ? {} : { guest }),
    ...(cast === undefined ? {} : { cast }),
    bounds,
    assumptions: { ...defaults.assumptions, ...entry.assumptions },
  };
}

/** What a file of corpus/ says of a finding. */
export function toCorpus(
  model: Model,
  finding: Pick<Finding, 'key' | 'system' | 'path'>,
  note: string,
): CorpusEntry {
  const { config, policy } = model;
  const { key, system, path } = finding;
  const names = namesOf(system, path.moves);
  const schedule: [string, number][] = [];
  for (const { actor } of names) {
    const last = schedule.at(-1);
    if (last !== undefined && last[0] === actor) last[1]++;
    else schedule.push([actor, 1]);
  }
  const { pages, hugePages, vmmThreads, vcpus, devices } = config.bounds;
  const calls = names.flatMap(({ actor, starts }): [string, string][] =>
    starts === null ? [] : [[actor, starts]],
  );
  const changed = ASSUMPTIONS.filter((each) => config.assumptions[each.name] !== each.default);
  return {
    note,
    policy: policy.name,
    base: config.base,
    platform: config.platform,
    vmm: config.vmm,
    ...(config.device === null ? {} : { device: config.device }),
    ...(config.ats === true ? { ats: true } : {}),
    ...(config.guest === undefined ? {} : { guest: config.guest }),
    ...(config.cast === undefined ? {} : { cast: config.cast }),
    bounds: { pages, hugePages, calls: calls.length, vmmThreads, vcpus, devices },
    ...(changed.length === 0
      ? {}
      : { assumptions: Object.fromEntries(changed.map(({ name }) => [name, config.assumptions[name]])) }),
    initial: initialStates(config)[path.initial].says,
    calls,
    schedule,
    invariant: key.invariant.name,
    outcome: key.breach.outcome,
    result: 'Sometimes',
  };
}
