// What a breach comes to: from the state in which it is seen, the gravest thing that a further access can do.

import { type Exploration, type Path, explore } from '../../engine/explore.ts';
import { type Replay, replay } from '../../engine/replay.ts';
import {
  BLOCKED,
  type CallOffer,
  type Domain,
  type System,
  makeSystem,
  withPlaceBits,
} from '../../engine/system.ts';
import type { Call } from '../../models/calls.ts';
import { diffStates } from '../../models/describe-state.ts';
import { ACCESS_WORDS, EVENT, type EventName } from '../../models/events.ts';
import { platformOf } from '../../models/platforms/index.ts';
import type { Consequence } from '../../models/results.ts';
import { columnOf, outcomeOf } from './explain.ts';
import { pagesIn } from './explain-state.ts';
import { witnessOf } from '../spec/keys.ts';
import type { Finding } from '../finding.ts';
import { type Model, offersOf } from '../system.ts';

const MORE_CALLS = 2;
const STATES_MAX = 200_000;

/** The gravest first. */
const GRAVITY: readonly (readonly EventName[])[] = [
  ['access.host-fatal', 'access.cpu-fatal'],
  ['access.host-corruption', 'access.cpu-corruption'],
  ['access.leak', 'access.cpu-leak'],
  ['access.integrity'],
  ['access.dma-lost', 'access.dma-lost-clean'],
  ['access.ciphertext'],
  ['access.contained-fault'],
];
const ACCESSES = /^(access|fault_private|fault_shared|host_write|read|write|read_private|write_private)$/;

/** Where the calls that were in flight stand, as places of another system. */
function placesIn(system: System, made: Replay): number[] {
  const places = system.placeAt.map(() => 0);
  for (const { actor, starts, answer, returns } of made.steps) {
    if (actor >= places.length) continue;
    const at = starts === null ? places[actor] : system.calls.root(starts.fn, starts.args);
    places[actor] = returns !== null ? 0 : system.calls.next(at, answer);
  }
  return places;
}

/** Accesses to the pages that the breach is about. */
function accessOffers(model: Model, pages: readonly number[]): CallOffer[][] {
  const about = (call: Call): boolean => ACCESSES.test(call.word) && pages.includes(call.range.start);
  const table = { ...model.table, calls: model.table.calls.filter(about) };
  return model.machine.threads.map((thread) => offersOf(table, thread.kind));
}

interface Search {
  readonly model: Model;
  readonly finding: Finding;
  readonly made: Replay;
  readonly pages: readonly number[];
  /** Calls of user space and memory failure in flight stay where they are. */
  readonly frozen: boolean;
}

/** The final state of the path as the initial one of a system in which only accesses start. */
function systemFrom(
  { model, finding, made, pages, frozen }: Search,
  calls: number,
  placeBits: number,
): System {
  const { domain } = finding.system;
  const { finish: _finish, ...rest } = domain;
  const stays = domain.threads.map(({ kind }) => frozen && kind !== 'device' && kind !== 'vcpu');
  const from: Domain = {
    ...rest,
    judge: () => undefined,
    properties: domain.properties,
    initial: (fresh) => [fresh()],
    apply: (m, thread, op) =>
      stays[thread] && frozenPlaces.has(thread) ? BLOCKED : domain.apply(m, thread, op),
  };
  const environment = { kind: 'free', calls, offers: accessOffers(model, pages) } as const;
  const system = makeSystem(from, environment, {
    placeBits,
    tries: model.tries,
  });
  const places = placesIn(system, made);
  const frozenPlaces = new Set(places.flatMap((place, thread) => (place === 0 ? [] : [thread])));
  const slots = domain.fields.reduce((sum, field) => sum + (field.count ?? 1), 0);
  const state = new Int32Array(system.layout.length);
  state.set(made.last.subarray(0, slots));
  places.forEach((place, thread) => (state[system.placeAt[thread]] = place));
  return { ...system, initial: [state] };
}

interface Found {
  readonly gravity: number;
  readonly path: Path;
  readonly system: System;
  readonly complete: boolean;
}

/** A fault is no consequence where nothing was mapped in the first place. */
function throughTranslation({ machine, interpreter }: Model, system: System, path: Path): boolean {
  const last = replay(system, path).steps.at(-1);
  if (last === undefined || last.op < 0) return true;
  const step = interpreter.stepOf(last.op);
  if (step.op !== 'dma_translate') return true;
  if (interpreter.view.mirror?.isPresent(last.before, step.iova) === true) return true;
  return [machine.at.iopte, machine.at.iotlb].some((table) => last.before[table + step.iova] !== 0);
}

function gravest(model: Model, system: System, result: Exploration): Found | null {
  for (const [gravity, events] of GRAVITY.entries()) {
    const shortest = events
      .map((event) => ({ event: EVENT[event], steps: result.shortest[EVENT[event]] }))
      .filter(({ steps }) => steps >= 0)
      .sort((a, b) => a.steps - b.steps)[0];
    const path = shortest === undefined ? null : result.pathTo(shortest.event);
    if (path !== null && throughTranslation(model, system, path))
      return { gravity, path, system, complete: result.complete };
  }
  return null;
}

function searchAll(search: Search): Found | null {
  let best: Found | null = null;
  for (let calls = 0; calls <= MORE_CALLS && best?.gravity !== 0; calls++) {
    const found = withPlaceBits(
      (placeBits) => systemFrom(search, calls, placeBits),
      (system) => gravest(search.model, system, explore(system, { statesMax: STATES_MAX })),
    );
    if (found !== null && (best === null || found.gravity < best.gravity)) best = found;
  }
  return best;
}

/** Pages that the witness, or else the whole path, is about. */
function pagesOf(model: Model, finding: Finding, made: Replay): number[] {
  const witness = witnessOf(model.questions, finding.key, made.last, finding.system.placeAt);
  const changed = diffStates(model.machine, made.initial, made.last).map(({ field }) => field);
  const numbers = (texts: readonly string[]): number[] =>
    texts.flatMap((text) =>
      [...text.matchAll(/\b(?:iova|gfn|index) (\d+)/g)].map((match) => Number(match[1])),
    );
  const backed = pagesIn(witness).flatMap((page) => pagesAt(model, made, Number(page.slice('pfn '.length))));
  const named = [...numbers([witness]), ...backed];
  return [...new Set(named.length > 0 ? named : numbers(changed))].filter(
    (page) => page < model.machine.pages,
  );
}

/** Where translations lead to that pfn. */
function pagesAt(model: Model, made: Replay, pfn: number): number[] {
  const { at, pages } = model.machine;
  const tables = ['iopte', 'iotlb', 'spte_shared', 'spte_private', 'host_pte'].map((name) => at[name]);
  const reaches = (page: number): boolean =>
    tables.some((table) => table !== undefined && made.last[table + page] === pfn + 1);
  return Array.from({ length: pages }, (_, page) => page).filter(reaches);
}

/** `DMA write to iova 0, T=0, after the page is reused` */
function accessText(system: System, made: Replay, before: Replay): string {
  const last = made.steps.at(-1);
  if (last === undefined) return '';
  const own = (step: { readonly actor: number }): boolean => step.actor === last.actor;
  const started =
    made.steps.filter((step) => own(step) && step.starts !== null).at(-1)?.starts ??
    before.steps.filter((step) => own(step) && step.starts !== null).at(-1)?.starts;
  const reused = made.steps.slice(0, -1).some((step) => columnOf(system, step.actor) === 'host');
  return `${started?.name ?? columnOf(system, last.actor)}${reused ? ', after the page is reused' : ''}`;
}

function noteOf(search: Search, { system, complete }: Found, made: Replay): string {
  const { threads } = search.model.machine;
  const [start] = system.initial;
  const waiting = threads.filter(
    (thread, t) => start[system.placeAt[t]] !== 0 && !/^(device|vcpu)$/.test(thread.kind),
  );
  const names = waiting.map(({ name }) => name).join(' and ');
  const said: string[] = [];
  const s = waiting.length === 1 ? 's' : '';
  if (names !== '' && search.frozen) said.push(`${names} stay${s} where the table ends`);
  if (names !== '' && !search.frozen) said.push(`while ${names} go${s === '' ? '' : 'es'} on`);
  const why = whyLetThrough(search.model, made);
  if (why !== null) said.push(why);
  if (!complete) said.push('not all of what may follow was searched');
  return said.join('; ');
}

/* memory of the host or of another owner was reached */
const HOSTS: readonly string[] = ['host corruption', 'corruption', 'confidential leak'];

/** What the hardware has to say of the page that the last access reached. */
function whyLetThrough({ machine, config }: Model, made: Replay): string | null {
  const last = made.steps.at(-1);
  if (last === undefined || !HOSTS.includes(outcomeOf(last.properties))) return null;
  const device = last.actor - machine.threads.findIndex(({ kind }) => kind === 'device');
  if (machine.threads[last.actor]?.kind !== 'device') return null;
  const pfn = last.before[machine.at.dma + device] - 1;
  return pfn < 0 ? null : platformOf(config).letThrough(machine.at, last.before, pfn);
}

/** Null where the breach is an access itself, and where no access comes to anything. */
export function consequenceOf(model: Model, finding: Finding): Consequence | null {
  const { breach } = finding.key;
  if ('event' in breach && ACCESS_WORDS[breach.event] !== undefined) return null;
  const made = replay(finding.system, finding.path);
  if (model.domain.isTerminal?.(made.last) === true) return null;
  const base = { model, finding, made, pages: pagesOf(model, finding, made) };
  for (const frozen of [true, false]) {
    const search = { ...base, frozen };
    const found = searchAll(search);
    if (found === null) continue;
    const more = replay(found.system, found.path);
    const last = more.steps.at(-1);
    return {
      access: accessText(found.system, more, made),
      outcome: last === undefined ? '' : outcomeOf(last.properties),
      moreCalls: more.steps.filter((step) => step.starts !== null).length,
      note: noteOf(search, found, more),
    };
  }
  return null;
}
