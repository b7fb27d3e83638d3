// The attributes of guest_memfd's indices, the check of references before they change, and, on v8, the record of the
// conversion that holds invalidate_lock: what it is to change, has changed, and has taken from the guest.

import { CONTENT, inPlace } from '../machine.ts';
import { type Exec, type State, maskOf } from './context.ts';
import type { Lru } from './lru.ts';

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
      fault: string,
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
