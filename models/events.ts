// What a single step can be seen doing. The invariants say which of these are breaches, and which only prove
// that a race was reached.

export const EVENTS = [
  /* outcomes of an access */
  'access.ok',
  'access.contained-fault',
  'access.host-fatal',
  'access.host-corruption',
  'access.leak',
  'access.integrity',
  'access.dma-lost',
  'access.dma-lost-clean',
  'access.cpu-fatal',
  'access.cpu-corruption',
  'access.cpu-leak',
  'access.ciphertext',
  /* breaches that only the step itself shows */
  'iommu-map-in-bracket',
  'unpin-before-unmap',
  'unpin-before-sync',
  'put-without-reference',
  'unpin-without-pin',
  'conversion-with-references',
  'stale-spte-installed',
  'zap-outside-bracket',
  'end-without-seq',
  'in-progress-negative',
  'stale-data-used',
  'data-wiped',
  'data-cleared',
  'spin-on-user-reference',
  'map-failed-leaving-ioptes',
  'errno-undocumented',
  'error-offset-out-of-range',
  /* races reached */
  'gmem-retry-stale',
  'fault-retried',
  'iotlb-filled-in-bracket',
  'dma-in-flight-at-sync',
  'dma-completed',
  'dma-after-conversion',
  'bracket-opened',
  'bracket-closed',
  'brackets-overlap',
  'punch-of-mapped',
  'page-freed',
  'page-reused',
  'converted-to-private',
  'converted-to-shared',
  'conversion-refused',
  'folio-split',
  'folio-merged',
  'iommu-mapped',
  'iommu-mapped-huge',
  'iommu-unmapped',
  'iotlb-entry-dropped',
  'pinned',
  'unpinned',
  'spte-installed',
  'host-pte-installed',
  'host-pte-zapped',
  'page-cleared',
  'guest-accessed',
  'release-reached',
  'map-refused',
  'call-failed',
  'rmp-assigned',
  'private-leaf-removed',
  'invalidation-meets-iopte',
  'map-meets-invalidation',
  'reference-dropped',
  'call-returned',
  /* no move is left and a call is in flight */
  'stuck',
] as const;

export type EventName = (typeof EVENTS)[number];

/** Number of an event: its place in EVENTS. */
export const EVENT = Object.fromEntries(EVENTS.map((name, k) => [name, k])) as {
  readonly [K in EventName]: number;
};
