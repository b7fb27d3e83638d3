// No confidential hardware: nothing stops a DMA that has a translation. Private is a promise of software only.

import { P, match } from 'ts-pattern';
import { type DmaCase, HOSTS, type Outcome, PRIVATE, unhindered } from './outcomes.ts';
import { type Platform, T0 } from './row.ts';

const verdict = (dma: DmaCase): Outcome =>
  match<DmaCase, Outcome>(dma)
    .with({ page: P.union(...PRIVATE), write: true }, () => 'integrity violation')
    .with({ page: P.union(...PRIVATE), write: false }, () => 'confidential leak')
    .with({ page: P.union(...HOSTS) }, unhindered)
    .exhaustive();

export const bare = {
  arch: { maps_private: false, leaf_size_is_checked: false },
  streams: [T0],
  vmsa: false,
  fields: () => [],
  owned: null,
  dirty: null,
  rmp: null,
  mirror: null,
  verdicts: () => verdict,
  unchecked: () => verdict,
  guestPage: () => () => 'private 4K',
  guestAccess: () => () => 'passes',
  mistakes: { sharedDma: 'unnoticed', hostAccess: 'unnoticed' },
  gmem_invalidate: null,
  launch: null,
  assumptions: [],
  granted: [],
  failures: [],
  facts: () => [],
  leak: 'an untrusted device (T=0) reads a page that is private to the guest, or was freed',
  letThrough: () => null,
} satisfies Platform;
