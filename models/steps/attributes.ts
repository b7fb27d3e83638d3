// The attributes of guest_memfd's indices, the check of references before they change, and, on v8, the record of the
// conversion that holds invalidate_lock: what it is to change, has changed, and has taken from the guest.

import { CONTENT, inPlace } from '../machine.ts';
import { type Exec, type State, kindBit, maskOf } from './context.ts';
import type { Lru } from './lru.ts';
import type { PageCache } from './page-cache.ts';
import {
  ANYTHING,
  ATTRIBUTES,
  PLAIN,
  REFS,
  type Context,
  type Rows,
  type StepOf,
  pagesOrNone,
} from './row.ts';
import { either, fault, gfn, index, subranges, truth } from './words.ts';

export type Attributes = ReturnType<typeof makeAttributes>;

export function makeAttributes({ machine, view, note }: Exec, lru: Lru) {
  const { at, pages, config, lockAt } = machine;
  const { page_cache, content, converting, converted, content_lost, attribute_missing } = at;
  const recorded = converting !== undefined;

  const holdsLock = (m: State, thread: number): boolean => m[lockAt.invalidate_lock.writer] === thread + 1;
  /** The thread is in a conversion that changes something. */
  const converts = (m: State, thread: number): boolean =>
    recorded && m[converting] !== 0 && holdsLock(m, thread);
  const hasData = (m: State, pfn: number): boolean =>
    m[content + pfn] === CONTENT.guest || m[content + pfn] === CONTENT.device;
  const differing = (m: State, start: number, end: number, isPrivate: number): number => {
    let mask = 0;
    for (let index = start; index < end; index++) if (m[at.private + index] !== isPrivate) mask |= 1 << index;
    return mask;
  };
  /** References that nobody but the page cache holds. */
  const isExpected = (m: State, index: number): boolean => {
    const pfn = m[page_cache + index] - 1;
    return pfn < 0 || (view.extraReferences(m, view.head(m, pfn)) === 0 && !lru.holds(m, pfn));
  };
  const isUsed = (m: State, index: number): boolean =>
    view.extraReferences(m, view.head(m, m[page_cache + index] - 1)) > 0;
  /** By a user: a lookup without a lock lets go when it looks again, memory_failure() does nothing with the page. */
  const isKept = (m: State, first: number): boolean =>
    view.extraReferences(m, first) > view.triedReferences(m, first) + view.poisonReference(m, first);
  const setAttribute = (m: State, index: number, isPrivate: number, erased: boolean): void => {
    const pfn = m[page_cache + index] - 1;
    const changes = m[at.private + index] !== isPrivate;
    if (changes && isPrivate === 1 && inPlace(config) && pfn >= 0 && isKept(m, view.head(m, pfn)))
      note('conversion-with-references');
    /* a missing entry reads as shared */
    m[at.private + index] = erased ? 0 : isPrivate;
    if (attribute_missing !== undefined) m[attribute_missing + index] = erased ? 1 : 0;
    if (changes) note(isPrivate === 1 ? 'converted-to-private' : 'converted-to-shared');
  };

  return {
    /** filemap_get_folios() */
    present: (m: State, start: number, end: number): number => {
      let mask = 0;
      for (let index = start; index < end; index++)
        if (m[page_cache + index] !== 0) mask |= 1 << (index - start);
      return mask;
    },
    isExpected: (m: State, index: number): number => (isExpected(m, index) ? 1 : 0),
    safeRefcount: (m: State, start: number, end: number): number => {
      for (let index = start; index < end; index++) {
        if (isExpected(m, index)) continue;
        note('conversion-refused');
        if (!isUsed(m, index)) note('refused-without-user');
        return index + 1;
      }
      return 0;
    },
    rangeHas: (m: State, thread: number, start: number, end: number, isPrivate: number): number => {
      const mask = differing(m, start, end, isPrivate);
      if (recorded && holdsLock(m, thread)) m[converting] = mask;
      return mask === 0 ? 1 : 0;
    },
    /** 1: shared indices in the range, 2: private ones, 3: both. */
    filter: (m: State, start: number, end: number): number => {
      const shared = differing(m, start, end, 1);
      return (shared === 0 ? 0 : 1) | (shared === maskOf(start, end) ? 0 : 2);
    },
    store: (
      m: State,
      thread: number,
      start: number,
      end: number,
      isPrivate: number,
      fault: StepOf<'store_attributes'>['fault'],
    ): number => {
      if (converts(m, thread)) m[converted] ^= differing(m, start, end, isPrivate) & m[converting];
      for (let index = start; index < end; index++) setAttribute(m, index, isPrivate, fault === 'erase');
      return 0;
    },
    /** The guest's hold on the page goes: an S-EPT leaf, an RMP entry. */
    taken: (m: State, thread: number, index: number, pfn: number): void => {
      if (converts(m, thread) && hasData(m, pfn)) m[content_lost] |= 1 << index;
    },
    /** The page leaves the page cache. */
    removed: (m: State, thread: number, index: number): void => {
      if (converts(m, thread) && ((m[converting] >> index) & 1) === 1) note('converted-page-removed');
    },
    /** The kernel zeroes the page. */
    zeroed: (m: State, thread: number, pfn: number): void => {
      if (converts(m, thread) && hasData(m, pfn)) note('wiped-by-conversion');
    },
    /** invalidate_lock is dropped: what the conversion has come to. */
    close: (m: State): void => {
      if (!recorded || m[converting] === 0) return;
      const done = m[converted];
      if (done !== 0 && done !== m[converting]) note('conversion-partial');
      let lost = 0;
      for (let index = 0; index < pages; index++)
        if (m[at.private + index] === 1) lost |= m[content_lost] & (1 << index);
      if (lost !== 0) note(done === 0 ? 'content-lost-in-refusal' : 'content-lost-beside');
      m[converting] = m[converted] = m[content_lost] = 0;
    },
  };
}

function storeText({ machine }: Context, step: StepOf<'store_attributes'>): string {
  if (machine.config.base === 'v8') return `mas_store_prealloc() ${index(step)} to ${step.to}`;
  if (inPlace(machine.config)) return `kvm_gmem_shareability_store() ${index(step)} to ${step.to}`;
  return `xa_store(&kvm->mem_attr_array) ${gfn(step)} to ${step.to}`;
}

export const ATTRIBUTE_STEPS = {
  safe_refcount: {
    ...PLAIN,
    words: (s) => [
      `kvm_gmem_has_safe_refcount() ${index(s)}`,
      (a) => (a === 0 ? 'true' : `false, index ${a - 1}`),
    ],
    answers: pagesOrNone,
    touches: REFS,
    mover: 'wait',
    countsRefs: (s, at) => at >= s.start && at < s.end,
    run: ({ attributes }, s, m) => attributes.safeRefcount(m, s.start, s.end),
  },
  filemap_get_folios: {
    ...PLAIN,
    words: (s) => [
      `filemap_get_folios() ${index(s)}`,
      (a) => (a === 0 ? 'none' : `index ${subranges(a, s.start)}`),
    ],
    answers: (_machine, s) => 2 ** (s.end - s.start),
    touches: 0,
    run: ({ attributes }, s, m) => attributes.present(m, s.start, s.end),
  },
  folio_ref_count: {
    ...PLAIN,
    words: (s) => [`folio_ref_count() of index ${s.index}`, either('too high', 'as expected')],
    touches: REFS,
    mover: 'wait',
    countsRefs: (s, at) => s.index === at,
    run: ({ attributes }, s, m) => attributes.isExpected(m, s.index),
  },
  lru_add_drain_all: {
    ...PLAIN,
    words: () => ['lru_add_drain_all()'],
    touches: REFS,
    run: ({ pageCache }, _s, m) => pageCache.drainAll(m),
  },
  range_has_attributes: {
    ...PLAIN,
    words: (s) => [`kvm_gmem_range_has_attributes() ${index(s)}, ${s.to}`, truth],
    touches: 0,
    run: ({ attributes }, s, m, t) => attributes.rangeHas(m, t, s.start, s.end, kindBit(s.to)),
  },
  mas_preallocate: {
    ...PLAIN,
    words: (s) => [`mas_preallocate() ${index(s)}`, either('-ENOMEM', '')],
    touches: ANYTHING,
    sleeps: true,
    fails: true,
    run: ({ pageCache }, _s, m) => (pageCache.failsNow(m, 'mas_preallocate') ? 0 : 1),
  },
  get_invalidate_filter: {
    ...PLAIN,
    words: (s) => [
      `kvm_gmem_get_invalidate_filter() ${index(s)}`,
      (a) => ['none', 'shared', 'private', 'both'][a] ?? '',
    ],
    answers: 4,
    touches: 0,
    run: ({ attributes }, s, m) => attributes.filter(m, s.start, s.end),
  },
  store_attributes: {
    ...PLAIN,
    words: (s, c) => [`${storeText(c, s)}${fault(s)}`],
    touches: ATTRIBUTES | REFS,
    mover: 'wait',
    forbidsFill: (s, iova) => iova >= s.start && iova < s.end,
    run: ({ attributes }, s, m, t) => attributes.store(m, t, s.start, s.end, kindBit(s.to), s.fault),
  },
} satisfies Rows<{ readonly attributes: Attributes; readonly pageCache: PageCache }>;
