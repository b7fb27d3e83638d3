// The concurrent machine with one call at a time, each to its end, as tests/worlds.test.ts looks at it.

import { type CallOffer, type Domain, makeSystem } from '../../engine/system.ts';
import { type PlatformName, type Base, assumptions, boundsOf } from '../../models/bounds.ts';
import { type InitialState, initialStates } from '../../models/boot.ts';
import type { Call } from '../../models/calls.ts';
import { EVENT, type EventName } from '../../models/events.ts';
import { AREA, OWNER } from '../../models/machine.ts';
import type { Policy } from '../../api/index.ts';
import { runOut } from '../../properties/each-call-alone.ts';
import { resultText } from '../../properties/spec/made.ts';
import { type Model, freeEnvironment, makeModel } from '../../properties/system.ts';

export const PAGES = 4;
export const HUGE_PAGES = 2;
export const CALLS_MAX = 10;

export type FailingStep = 'iommu_map' | 'kvm_gmem_get_folio';

/** The n-th call of the step inside of the call fails. */
export interface Failure {
  readonly step: FailingStep;
  readonly nth: number;
}

/** What both worlds say after a call. A page goes by the number that the machine gives it. */
export interface Seen {
  readonly areas: readonly string[];
  /** By iova. */
  readonly iopte: readonly (number | null)[];
  /** By iova: what the driver of the in-kernel access has. */
  readonly access: readonly (number | null)[];
  readonly npinned: number;
  /** By index. */
  readonly private: readonly boolean[];
  readonly cache: readonly (number | null)[];
}

export interface FolioSeen {
  readonly first: number;
  readonly count: number;
  readonly free: boolean;
  readonly pins: number;
  /** References that are no pins: one for each page in the page cache. */
  readonly others: number;
}

const noted = (names: readonly EventName[]): number[] => names.map((name) => EVENT[name]);
/** A pin is dropped that was never taken, or a pointer is followed that is none: the undo of the RFC. */
const BAD_UNDO = noted(['unpin-without-pin', 'unset-pointer-followed', 'err-ptr-followed']);

export function modelOf(policy: Policy, base: Base, platform: PlatformName, fail: FailingStep): Model {
  const small = boundsOf('small');
  const bounds = { ...small, name: 'custom', pages: PAGES, hugePages: HUGE_PAGES, vmmThreads: 1 };
  const config = { base, platform, vmm: 'adversarial', bounds, device: null, fail } as const;
  return makeModel({ ...config, assumptions: assumptions(), cast: ['access'] }, policy);
}

const PLACE_BITS = 20;

export function concurrentOf(model: Model) {
  const { machine, interpreter, tries } = model;
  const { view } = interpreter;
  const { at, pages, pool } = machine;
  let result: string | null = null;
  let undoesTooMuch = false;
  const domain: Domain = {
    ...model.domain,
    judge: () => undefined,
    apply: (state, thread, op) => {
      const answer = model.domain.apply(state, thread, op);
      if (model.domain.events.some((event) => BAD_UNDO.includes(event))) undoesTooMuch = true;
      return answer;
    },
    finish: (_state, _thread, _call, returned) => {
      result = resultText(returned);
    },
  };
  const environment = freeEnvironment(model, CALLS_MAX);
  const system = makeSystem(domain, environment, { placeBits: PLACE_BITS, tries });
  const state = system.initial[0].slice();
  const initials = initialStates(model.config);
  const failAgent = domain.agents.findIndex((name) => name.startsWith('host: next'));

  const field = (name: string, count: number): number[] => [...state.subarray(at[name], at[name] + count)];
  const pfns = (name: string): (number | null)[] =>
    field(name, pages).map((stored) => (stored === 0 ? null : stored - 1));

  /** The call needs the step that is to fail: a folio that is there is only looked up. */
  function isDue(thread: number, step: FailingStep): boolean {
    const next = interpreter.stepOf(system.calls.op[state[system.placeAt[thread]]]);
    return next.op === step && (next.op !== 'kvm_gmem_get_folio' || state[at.page_cache + next.index] === 0);
  }
  function areas(): string[] {
    const starts = field('area_start', pages);
    const mapped = field('area', pages).map((area) => area === AREA.mapped);
    return starts.flatMap((start, iova) => {
      if (!mapped[iova] || start !== iova) return [];
      const length = starts.filter((other, k) => mapped[k] && other === start).length;
      return [`[${start},${start + length}) of ${state[at.num_accesses + start]} accesses`];
    });
  }
  return {
    initials,
    start(initial: InitialState): void {
      state.set(system.initial[initials.indexOf(initial)]);
      undoesTooMuch = false;
    },
    /** An errno; null: it spins or waits for ever. */
    run(call: Call, failure: Failure | null): string | null {
      const thread = machine.threads.findIndex(({ kind }) => kind === call.thread);
      const offer = environment.offers[thread].findIndex(({ name }: CallOffer) => name === call.name);
      let left = failure?.nth ?? 0;
      result = null;
      system.step(state, system.startMove(thread, offer));
      runOut(system, state, thread, () => {
        if (failure !== null && isDue(thread, failure.step) && --left === 0)
          system.step(state, system.agentMove(failAgent));
      });
      return result;
    },
    isDead: (): boolean => state[at.host_dead] === 1,
    undoesTooMuch: (): boolean => undoesTooMuch,
    seen: (): Seen => ({
      areas: areas(),
      iopte: pfns('iopte'),
      access: pfns('access_pfn'),
      npinned: state[at.npinned],
      private: field('private', pages).map((bit) => bit === 1),
      cache: pfns('page_cache'),
    }),
    /** What is known here of the pages of a folio. */
    folio({ first, count }: FolioSeen): FolioSeen {
      const page = Array.from({ length: count }, (_, k) => first + k);
      const sum = (name: string): number => page.reduce((total, pfn) => total + state[at[name] + pfn], 0);
      const cached = field('page_cache', pages).filter((stored) => page.includes(stored - 1)).length;
      const free = page.every((pfn) => state[at.owner + pfn] === OWNER.free);
      return { first, count, free, pins: sum('pins'), others: cached + sum('lookup_refs') };
    },
    /** Of the folios that IOPTEs map. */
    sizes: (): string[] =>
      pfns('iopte').flatMap((pfn) => {
        if (pfn === null) return [];
        return [view.folioPages(state, view.head(state, pfn)) > 1 ? '2M' : '4K'];
      }),
    pins: (): number => field('pins', pool).reduce((total, pins) => total + pins, 0),
  };
}

export type Concurrent = ReturnType<typeof concurrentOf>;
