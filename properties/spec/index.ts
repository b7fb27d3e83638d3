// THE SPEC. Every invariant, in reading order: what a maintainer can agree or disagree with, where it is taken from,
// and what a breach looks like. One breach breaks an `always`; each has a `sometimes` partner that proves that its race
// was reached. One file a family; row.ts says what a row has.

import type { Config } from '../../models/bounds.ts';
import { ACCESSES } from './accesses.ts';
import { BRACKET } from './bracket.ts';
import { CALLS } from './calls.ts';
import { CONTENT_OF_PAGES } from './content.ts';
import { IOMMUFD } from './iommufd.ts';
import { REFERENCES } from './references.ts';
import type { Invariant, Judgement } from './row.ts';
import { STALE } from './stale.ts';

export type { Breach, Invariant, Judgement } from './row.ts';
export { SOMETIMES, type SometimesName, expectedPartners } from './sometimes.ts';

/** In this order their keys are in every token. */
export const INVARIANTS: readonly Invariant[] = [
  ...STALE,
  ...REFERENCES,
  ...BRACKET,
  ...CONTENT_OF_PAGES,
  ...ACCESSES,
  ...CALLS,
  ...IOMMUFD,
];

const BY_NAME = new Map(INVARIANTS.map((invariant) => [invariant.name, invariant]));

export const judgementOf = (invariant: string, config: Config): Judgement =>
  BY_NAME.get(invariant)?.judged(config) ?? 'not judged';
