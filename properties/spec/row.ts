// A row of the specification: all that is known of an invariant.

import { type Cast, type Config, hasCast } from '../../models/bounds.ts';
import type { EventName } from '../../models/events.ts';
import type { Definition } from './made.ts';
import type { PlaceAt, Questions } from './questions.ts';
import type { SometimesName } from './sometimes.ts';

export type M = Int32Array;

/** Axiom: broken is not conformant. Flag: legal, counted. */
export type Judgement = 'axiom' | 'flag' | 'not judged';

/** What both kinds of breach have. `invariant (outcome)` is what is found, minimised and reported on its own. */
interface AnyBreach {
  readonly outcome: string;
  /** It takes an IOPTE, what one has filled, or DMA through it: without a consumer it cannot be. */
  readonly needsIommu?: true;
  /** Where it is another than the invariant's. */
  readonly gravity?: number;
}
/** Seen by a single step. */
interface StepBreach extends AnyBreach {
  readonly event: EventName;
  /**
   * The rule, stated over the move; the interpreter notes the event, which is faster, exactly where it holds. Of the
   * search: that no thread and no agent can move, which only the search knows.
   */
  readonly definition: Definition | 'of the search';
  readonly witness: string | ((q: Questions) => string);
}
/** Seen in a state: where it is (a page, a pfn, a thread), or -1. Null where this machine cannot show it. */
export interface StateBreach extends AnyBreach {
  readonly at: (q: Questions) => ((m: M, placeAt: PlaceAt) => number) | null;
  /** Looked at with nothing going on alone. */
  readonly whenIdle?: true;
  readonly witness: (q: Questions, m: M, where: number) => string;
}
export type Breach = StepBreach | StateBreach;

export interface Invariant {
  readonly name: string;
  readonly says: string;
  readonly source: string;
  /** The `sometimes` that proves that it could have been broken. */
  readonly partner: SometimesName;
  readonly judged: (config: Config) => Judgement;
  /**
   * Lower is graver: DMA to what somebody else owns, then what stays mapped, then the rest. It decides which axiom a
   * mail is about.
   */
  readonly gravity: number;
  /** The cast that it came with: tokens of runs without that one do not hold its names. */
  readonly cast: Cast | null;
  readonly breaches: readonly Breach[];
}

const GRAVITY_OF_THE_REST = 13;

/** A row that begins with this says: an axiom everywhere, of no special gravity, there in every run. */
export const AXIOM = {
  judged: (): Judgement => 'axiom',
  gravity: GRAVITY_OF_THE_REST,
  cast: null,
} as const;

export const onlyWith =
  (cast: Cast) =>
  (config: Config): Judgement =>
    hasCast(config, cast) ? 'axiom' : 'not judged';
