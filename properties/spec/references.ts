// References, pins, and what is left behind.

import { inPlace } from '../../models/machine.ts';
import { cachedAt, either, on, some, somePage } from './made.ts';
import { locksHeld } from '../../models/describe-state.ts';
import { AREA } from '../../models/machine.ts';
import { type Questions, inEachPage, inEachPfn, inEachThread, isIdle } from './questions.ts';
import { AXIOM, type Invariant, type M } from './row.ts';
import { isFreed } from './tables.ts';

/** IOTLB or device TLB reach the page through this iova. */
const isCachedAt = ({ at, machine }: Questions, m: M, iova: number, pfn: number): boolean =>
  m[at.iotlb + iova] === pfn + 1 ||
  (at.device_tlb !== undefined &&
    some({ start: 0, end: machine.devices }, (d) => m[at.device_tlb + d * machine.pages + iova] === pfn + 1));
/** By a user: a lookup without a lock lets go when it looks again, memory_failure() does nothing with the page. */
const isKept = ({ view }: Questions, m: M, first: number): boolean =>
  view.extraReferences(m, first) > view.triedReferences(m, first) + view.poisonReference(m, first);

export const REFERENCES = [
  {
    ...AXIOM,
    name: 'refcount-never-negative',
    says: 'Nobody drops a reference or a pin that is not there.',
    source: 'gup_put_folio(), folio_put()',
    partner: 'reference-dropped',
    breaches: [
      {
        outcome: 'folio_put',
        event: 'put-without-reference',
        definition: either(
          on(
            'folio_put',
            (q, { pfn }, { before }) => before[q.at.lookup_refs + q.view.head(before, pfn)] === 0,
          ),
          on(
            'folio_put_tried',
            (q, { pfn }, { before }) => before[q.at.try_refs + q.view.head(before, pfn)] === 0,
          ),
          on('fput', (q, { counted }, { before }) => counted && before[q.at.file_refs] === 0),
        ),
        witness: 'a lookup reference, or one of the file, is dropped that nobody holds',
      },
      {
        outcome: 'unpin',
        event: 'unpin-without-pin',
        definition: on('unpin_folio', (q, { pfn }, { before }) => before[q.at.pins + pfn] === 0),
        witness: 'a page is unpinned that nobody has pinned',
      },
    ],
  },
  {
    ...AXIOM,
    name: 'no-free-while-referenced',
    says: 'A page that somebody holds is not free.',
    source: 'put_page_testzero(); free_page_is_bad(): nonzero _refcount',
    partner: 'page-freed',
    breaches: [
      {
        outcome: 'pin',
        at: (q) =>
          q.pins ? (m) => inEachPfn(q, (pfn) => m[q.at.pins + pfn] > 0 && isFreed(q, m, pfn)) : null,
        witness: (q, m, pfn) => `pfn ${pfn} has ${m[q.at.pins + pfn]} pins and is free`,
      },
      {
        outcome: 'GUP pin',
        at: (q) => {
          const { host_pin } = q.at;
          if (host_pin === undefined) return null;
          return (m) => (m[host_pin] !== 0 && isFreed(q, m, m[host_pin] - 1) ? m[host_pin] - 1 : -1);
        },
        witness: (_q, _m, pfn) => `pfn ${pfn} is pinned by a user thread of the host and is free`,
      },
    ],
  },
  {
    ...AXIOM,
    name: 'unpin-follows-unmap-and-sync',
    says: 'A page is unpinned only after its IOPTE is cleared and the invalidation has completed.',
    source: 'drivers/iommu/iommufd/pages.c: unpin must follow unmap',
    partner: 'unpinned',
    breaches: [
      {
        outcome: 'before the unmap',
        event: 'unpin-before-unmap',
        definition: on('unpin_folio', (q, { pfn }, { before }) =>
          somePage(q, (iova) => before[q.at.iopte + iova] === pfn + 1),
        ),
        witness: 'a page is unpinned while an IOPTE points to it',
      },
      {
        outcome: 'before the sync',
        event: 'unpin-before-sync',
        definition: on('unpin_folio', (q, { pfn }, { before }) =>
          somePage(
            q,
            (iova) =>
              before[q.at.iopte + iova] !== pfn + 1 &&
              before[q.at.gather + iova] !== 0 &&
              isCachedAt(q, before, iova, pfn),
          ),
        ),
        witness: 'a page is unpinned while the IOTLB holds it and its invalidation is pending',
      },
    ],
  },
  {
    ...AXIOM,
    name: 'npinned-equals-pinned',
    says: 'With pages->mutex free, npinned is the number of pages pinned.',
    source: 'iopt_pages_add_npinned(); the equality is inferred, the kernel asserts npinned == last_npinned',
    partner: 'pinned',
    breaches: [
      {
        outcome: 'npinned',
        at: (q) => {
          if (!q.pins) return null;
          return (m) => {
            if (m[q.machine.lockAt.pages_mutex.writer] !== 0) return -1;
            let pinned = 0;
            inEachPfn(q, (pfn) => ((pinned += m[q.at.pins + pfn]), false));
            return pinned === m[q.at.npinned] ? -1 : pinned;
          };
        },
        witness: (q, m, pinned) => `npinned is ${m[q.at.npinned]}, ${pinned} pages are pinned`,
      },
    ],
  },
  {
    ...AXIOM,
    name: 'pinned-exactly-once',
    says: 'However many holders, one iopt_pages pins a page once.',
    source: 'drivers/iommu/iommufd/pages.c, opening comment: pinned once however many holders',
    partner: 'pinned',
    breaches: [
      {
        outcome: 'pinned twice',
        at: (q) => (q.pins ? (m) => inEachPfn(q, (pfn) => m[q.at.pins + pfn] > 1) : null),
        witness: (q, m, pfn) => `pfn ${pfn} has ${m[q.at.pins + pfn]} pins`,
      },
    ],
  },
  {
    ...AXIOM,
    name: 'conversion-sees-expected-refcount',
    says: 'A conversion to private commits only where nobody but the page cache holds the folio.',
    source: 'kvm_gmem_has_safe_refcount()',
    partner: 'conversion-refused',
    breaches: [
      {
        outcome: 'extra reference',
        event: 'conversion-with-references',
        definition: on(
          'store_attributes',
          (q, step, { before }) =>
            step.to === 'private' &&
            inPlace(q.machine.config) &&
            some(step, (index) => {
              const pfn = cachedAt(q, before, index);
              return (
                before[q.at.private + index] === 0 && pfn >= 0 && isKept(q, before, q.view.head(before, pfn))
              );
            }),
        ),
        witness: 'a folio with an extra reference becomes private',
      },
    ],
  },
  {
    ...AXIOM,
    name: 'no-refusal-without-user',
    says: 'A conversion is refused only where somebody uses the page: a batch that will let go of it by itself is nobody.',
    source: 'Ackerley Tng, 24 Jun 2026: lru_add batches; kvm_gmem_is_safe_for_conversion() of v8 drains them',
    partner: 'conversion-refused',
    breaches: [
      {
        outcome: 'LRU batch',
        event: 'refused-without-user',
        definition: on('safe_refcount', (q, _step, { before, answer }) => {
          const pfn = answer === 0 ? -1 : cachedAt(q, before, answer - 1);
          return pfn >= 0 && q.view.extraReferences(before, q.view.head(before, pfn)) === 0;
        }),
        witness: 'a conversion is refused for the reference of an lru_add batch alone',
      },
    ],
  },
  {
    ...AXIOM,
    name: 'nothing-left-at-release',
    says: 'With nothing going on, an IOPTE or a pin has an area, and no folio reference and no lock is left behind.',
    source: 'iopt_release_pages(), iopt_destroy_table(); lockdep: held lock at return to user space',
    partner: 'call-returned',
    breaches: [
      {
        outcome: 'IOPTE',
        needsIommu: true,
        whenIdle: true,
        at: (q) => (m) =>
          inEachPage(q, (iova) => m[q.at.iopte + iova] !== 0 && m[q.at.area + iova] === AREA.none),
        witness: (q, m, iova) => `IOPTE[iova ${iova}] -> pfn ${m[q.at.iopte + iova] - 1}, no area`,
      },
      {
        outcome: 'pin',
        whenIdle: true,
        at: (q) => (m) =>
          inEachPage(q, (iova) => m[q.at.area + iova] !== AREA.none) >= 0
            ? -1
            : inEachPfn(q, (pfn) => m[q.at.pins + pfn] > 0),
        witness: (_q, _m, pfn) => `pfn ${pfn} is pinned, no area is left`,
      },
      {
        outcome: 'reference',
        whenIdle: true,
        at: (q) => (m) => inEachPfn(q, (pfn) => m[q.at.lookup_refs + pfn] > 0),
        witness: (q, m, pfn) => `pfn ${pfn} has ${m[q.at.lookup_refs + pfn]} references without a holder`,
      },
      {
        outcome: 'lock',
        /* it blocks whoever comes next: the cause before its effect */
        gravity: 11,
        at: (q) => {
          const locks = Object.values(q.machine.lockAt);
          const holds = (m: M, t: number): boolean =>
            locks.some(({ writer, readers }) => m[writer] === t + 1 || ((m[readers] >> t) & 1) === 1);
          return (m, placeAt) => {
            for (const { writer, readers } of locks)
              if (m[writer] !== 0 || m[readers] !== 0)
                return inEachThread(q, (t) => isIdle(m, placeAt, t) && holds(m, t));
            return -1;
          };
        },
        witness: (q, m, t) =>
          `${q.machine.threads[t]?.name ?? ''} has returned to user space with ${locksHeld(q.machine, m, t).join(' and ')} held`,
      },
    ],
  },
] satisfies readonly Invariant[];
