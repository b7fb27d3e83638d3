// tidy: long because a folio, its place and its references are one subject
// guest_memfd's page cache, folios and references, and the allocator under it.

import { FOLIO_PFN_BITS, type WildPointer } from '../../api/index.ts';
import { COUNT_MAX, CONTENT, type Machine, OWNER, inPlace } from '../machine.ts';
import type { View } from '../view.ts';
import type { Attributes } from './attributes.ts';
import { BLOCKED, type Exec, type State, makeFailsNow } from './context.ts';
import type { Lru } from './lru.ts';
import { ANYTHING, HUGE, PLAIN, POISON, REFS, type Rows, type StepOf, pfnsOrNone } from './row.ts';
import { either, fault, pfnOr, plural, truth } from './words.ts';

/* read in every state, see reuse() */
const FREE = OWNER.free;

export type PageCache = ReturnType<typeof makePageCache>;

/*
 * MODEL: a huge folio is allocated, added and split in one step. kvm_gmem_get_folio() of RFC v2 adds it unlocked, puts
 * its reference and splits then, under invalidate_lock shared: another fault may find it in between, with a shared
 * index in it. Not seen here is that a user's fault is then a WARN and SIGBUS, that a KVM fault may map all of it, and
 * that the split waits until that one has put its reference.
 */
export function makePageCache(
  exec: Exec,
  releasePageState: (m: State, pfn: number) => void,
  attributes: Attributes,
  lru: Lru,
) {
  const { machine, view, note } = exec;
  const { at, pages, huge, pool, config } = machine;
  const {
    page_cache,
    owner,
    content,
    huge_folio,
    uptodate,
    hwpoison,
    folio_lock,
    lookup_refs,
    pins,
    host_pte,
  } = at;

  /** IOTLB or device TLB still reach the page through this iova. */
  const isCached = (m: State, iova: number, pfn: number): boolean => {
    if (m[at.iotlb + iova] === pfn + 1) return true;
    for (let d = 0; config.ats === true && d < machine.devices; d++)
      if (m[at.device_tlb + d * pages + iova] === pfn + 1) return true;
    return false;
  };
  const failsNow = makeFailsNow(machine);

  const isFatal = exec.platform.mistakes.hostAccess === 'machine check';
  /** The kernel writes to the page: fatal where the page-state hardware gives it to the guest. */
  const written = (m: State, pfn: number): void => {
    if (!isFatal || !view.isGuestsStill(m, pfn)) return;
    note('access.cpu-fatal');
    m[at.host_dead] = 1;
  };
  const giveBackIfUnused = (m: State, first: number): void => {
    if (view.indexOf(m, first) >= 0 || m[owner + first] !== OWNER.gmem) return;
    const last = first + view.folioPages(m, first);
    if (m[lookup_refs + first] > 0 || lru.holds(m, first) || view.triedReferences(m, first) > 0) return;
    for (let pfn = first; pfn < last; pfn++)
      if (m[pins + pfn] > 0 || (at.host_pin !== undefined && m[at.host_pin] === pfn + 1)) return;
    for (let pfn = first; pfn < last; pfn++) {
      m[owner + pfn] = OWNER.free;
      m[uptodate + pfn] = 0;
    }
    m[huge_folio + first] = 0;
    if (m[hwpoison + first] === 0) note('page-freed');
  };

  /** free_pages_prepare() keeps a poisoned page out of the buddy allocator: it is given back, and nobody's any more. */
  const isAvailable = (m: State, pfn: number): boolean => m[owner + pfn] === FREE && m[hwpoison + pfn] === 0;
  const takeFresh = (m: State, index: number, pfn: number): void => {
    m[owner + pfn] = OWNER.gmem;
    m[content + pfn] = CONTENT.stale;
    m[uptodate + pfn] = 0;
    m[page_cache + index] = pfn + 1;
    lru.add(m, pfn);
  };
  const allocateBlock = (m: State, index: number): boolean => {
    const first = index - (index % huge);
    for (let block = 0; block + huge <= pool; block += huge) {
      let usable = true;
      for (let k = 0; k < huge; k++)
        if (!isAvailable(m, block + k) || m[page_cache + first + k] !== 0) usable = false;
      if (!usable) continue;
      let mixed = false;
      for (let k = 0; k < huge; k++) {
        takeFresh(m, first + k, block + k);
        if (m[at.private + first + k] === 0) mixed = true;
      }
      /* a huge folio holds no shared index */
      m[huge_folio + block] = mixed ? 0 : 1;
      return true;
    }
    return false;
  };
  const allocatePage = (m: State, index: number): boolean => {
    for (let pfn = 0; pfn < pool; pfn++) {
      if (!isAvailable(m, pfn)) continue;
      takeFresh(m, index, pfn);
      return true;
    }
    return false;
  };
  const allocate = (m: State, index: number): boolean =>
    m[at.huge_inode] === 1 ? allocateBlock(m, index) : allocatePage(m, index);

  const lockFound = (m: State, thread: number, index: number): number => {
    const pfn = m[page_cache + index] - 1;
    const first = view.head(m, pfn);
    if (m[folio_lock + first] !== 0 || m[lookup_refs + first] === COUNT_MAX) return BLOCKED;
    m[folio_lock + first] = thread + 1;
    m[lookup_refs + first]++;
    return pfn + 1;
  };

  return {
    failsNow,
    giveBackIfUnused,
    written,
    getFolio: (m: State, thread: number, index: number): number => {
      if (m[page_cache + index] !== 0) return lockFound(m, thread, index);
      if (failsNow(m, 'kvm_gmem_get_folio')) return 0;
      return allocate(m, index) ? lockFound(m, thread, index) : 0;
    },
    lockFolio: (m: State, thread: number, index: number): number =>
      m[page_cache + index] === 0 ? 0 : lockFound(m, thread, index),
    unlockFolio: (m: State, pfn: number): number => {
      m[folio_lock + view.head(m, pfn)] = 0;
      return 0;
    },
    put: (m: State, pfn: number): number => {
      const first = view.head(m, pfn);
      if (m[lookup_refs + first] === 0) {
        note('put-without-reference');
        return 0;
      }
      m[lookup_refs + first]--;
      note('reference-dropped');
      giveBackIfUnused(m, first);
      return 0;
    },
    pin: (m: State, pfn: number): number => {
      if (m[pins + pfn] === COUNT_MAX) return BLOCKED;
      m[pins + pfn]++;
      note('pinned');
      return 0;
    },
    unpin: (m: State, pfn: number): number => {
      for (let iova = 0; iova < pages; iova++) {
        if (m[at.iopte + iova] === pfn + 1) note('unpin-before-unmap');
        else if (m[at.gather + iova] !== 0 && isCached(m, iova, pfn)) note('unpin-before-sync');
      }
      if (m[pins + pfn] === 0) {
        note('unpin-without-pin');
        return 0;
      }
      m[pins + pfn]--;
      note('unpinned');
      giveBackIfUnused(m, view.head(m, pfn));
      return 0;
    },
    isPoisoned: (m: State, pfn: number): number => m[hwpoison + view.head(m, pfn)],
    poison: (m: State, index: number): number => {
      if (m[page_cache + index] === 0) return 0;
      const first = view.head(m, m[page_cache + index] - 1);
      if (m[hwpoison + first] === 1) return 0;
      m[hwpoison + first] = 1;
      return (view.folioPages(m, first) << FOLIO_PFN_BITS) + first;
    },
    /*
     * MODEL: a huge folio keeps one up-to-date bit a page, so that a merge of cleared and uncleared pages
     * loses nothing.
     */
    clear: (m: State, pfn: number): number => {
      const first = view.head(m, pfn);
      const last = first + view.folioPages(m, first);
      for (let p = first; p < last; p++) {
        if (m[uptodate + p] === 1) continue;
        if (m[content + p] === CONTENT.guest || m[content + p] === CONTENT.device) note('data-cleared');
        m[content + p] = CONTENT.zero;
        m[uptodate + p] = 1;
        note('page-cleared');
        written(m, p);
      }
      return 0;
    },
    /**
     * Zero the pages of the hole; in an unsplit huge folio from its first byte on, as the May 2025 RFC does.
     */
    zeroRange: (m: State, thread: number, start: number, end: number): number => {
      for (let index = start; index < end; index++) {
        const pfn = m[page_cache + index] - 1;
        if (pfn < 0) continue;
        const first = view.head(m, pfn);
        const from = view.folioPages(m, first) > 1 ? first : pfn;
        for (let p = from; p <= pfn; p++) {
          const beside = p < pfn && view.indexOf(m, p) < start;
          if (beside && (m[content + p] === CONTENT.guest || m[content + p] === CONTENT.device))
            note('data-wiped');
          attributes.zeroed(m, thread, p);
          m[content + p] = CONTENT.zero;
          written(m, p);
        }
      }
      return 0;
    },
    removeFolio: (
      m: State,
      thread: number,
      index: number,
      fault: StepOf<'filemap_remove_folio'>['fault'],
    ): number => {
      const pfn = m[page_cache + index] - 1;
      if (pfn < 0) return 0;
      const first = view.head(m, pfn);
      const last = first + view.folioPages(m, first);
      for (let p = first; p < last; p++) {
        for (let iova = 0; iova < pages; iova++)
          if (m[at.iopte + iova] === p + 1 || m[at.iotlb + iova] === p + 1) note('punch-of-mapped');
        const owned = view.indexOf(m, p);
        if (owned >= 0) {
          attributes.removed(m, thread, owned);
          m[page_cache + owned] = 0;
        }
        if (fault !== 'no-free-folio') releasePageState(m, p);
      }
      giveBackIfUnused(m, first);
      return 0;
    },
    unmapMapping: (m: State, index: number): number => {
      if (!inPlace(config) || m[host_pte + index] === 0) return 0;
      m[host_pte + index] = 0;
      note('host-pte-zapped');
      return 0;
    },
    /** lru_add_drain_all(): the batches of all CPUs. */
    drainAll: (m: State): number => {
      for (let pfn = 0; pfn < pool; pfn++) if (lru.drain(m, pfn)) giveBackIfUnused(m, pfn);
      return 0;
    },
    drain: (m: State, pfn: number): boolean => {
      if (!lru.drain(m, pfn)) return false;
      giveBackIfUnused(m, pfn);
      return true;
    },
    /*
     * MODEL: an ERR_PTR is noted where --fail has made it. What RFC v2 answers where a part of a huge page has left the
     * page cache is not known to be an error.
     */
    followed: (m: State, pointer: WildPointer): number => {
      if (pointer === 'ufolios') note('unset-pointer-followed');
      else if (config.fail === 'kvm_gmem_get_folio' && m[at.fail_used] === 1) note('err-ptr-followed');
      return 0;
    },
    /** The allocator hands a free page that something still reaches to another owner, who writes to it. */
    reuse: (m: State): boolean => {
      let free = 0;
      for (let pfn = 0; pfn < pool; pfn++) if (isAvailable(m, pfn)) free |= 1 << pfn;
      const reached = free === 0 ? 0 : view.reachedOf(m, free);
      if (reached === 0) return false;
      const pfn = 31 - Math.clz32(reached & -reached);
      m[owner + pfn] = OWNER.host;
      m[content + pfn] = CONTENT.host;
      note('page-reused');
      if (view.isGuestsStill(m, pfn)) {
        note('access.cpu-fatal');
        m[at.host_dead] = 1;
      }
      return true;
    },
  };
}

export const PAGE_CACHE_STEPS = {
  kvm_gmem_get_folio: {
    ...PLAIN,
    words: (s) => [`kvm_gmem_get_folio() index ${s.index}`, pfnOr('-ENOMEM')],
    answers: pfnsOrNone,
    touches: HUGE,
    mover: 'wait',
    takes: 'folio lock',
    sleeps: true,
    fails: true,
    run: ({ pageCache }, s, m, t) => pageCache.getFolio(m, t, s.index),
  },
  filemap_lock_folio: {
    ...PLAIN,
    words: (s) => [`filemap_lock_folio() index ${s.index}`, pfnOr('-ENOENT')],
    answers: pfnsOrNone,
    touches: 0,
    mover: 'wait',
    takes: 'folio lock',
    mayFindNothing: true,
    sleeps: true,
    run: ({ pageCache }, s, m, t) => pageCache.lockFolio(m, t, s.index),
  },
  filemap_remove_folio: {
    ...PLAIN,
    words: (s) => [`filemap_remove_folio() index ${s.index}${fault(s)}`],
    touches: REFS,
    mover: 'wait',
    countsRefs: (s, index) => s.index === index,
    run: ({ pageCache }, s, m, t) => pageCache.removeFolio(m, t, s.index, s.fault),
  },
  unmap_mapping_pages: {
    ...PLAIN,
    words: (s) => [`unmap_mapping_pages() index ${s.index}`],
    touches: 0,
    sleeps: true,
    run: ({ pageCache }, s, m) => pageCache.unmapMapping(m, s.index),
  },
  folio_unlock: {
    ...PLAIN,
    words: (s) => [`folio_unlock() pfn ${s.pfn}`],
    touches: 0,
    mover: 'release',
    run: ({ pageCache }, s, m) => pageCache.unlockFolio(m, s.pfn),
  },
  folio_put: {
    ...PLAIN,
    words: (s) => [`folio_put() pfn ${s.pfn}`],
    touches: 0,
    /* the page cache keeps the page; a reference that is not there may be somebody's who comes first */
    commutes: ({ machine: { at }, view }, s, m) => {
      const first = view.head(m, s.pfn);
      return m[at.lookup_refs + first] > 0 && view.indexOf(m, first) >= 0 ? REFS : 0;
    },
    run: ({ pageCache }, s, m) => pageCache.put(m, s.pfn),
  },
  folio_test_hwpoison: {
    ...PLAIN,
    words: (s) => [`folio_test_hwpoison() pfn ${s.pfn}`, truth],
    touches: 0,
    /* never cleared; but on rfc-v2 a split or a merge may make another page the first of the folio */
    commutes: ({ machine: { at, config, pool } }, _s, m) => {
      if (config.base !== 'rfc-v2') return POISON;
      for (let pfn = 0; pfn < pool; pfn++) if (m[at.hwpoison + pfn] === 1) return 0;
      return POISON;
    },
    run: ({ pageCache }, s, m) => pageCache.isPoisoned(m, s.pfn),
  },
  clear_highpage: {
    ...PLAIN,
    words: (s) => [`clear_highpage() pfn ${s.pfn}`],
    touches: 0,
    mover: 'wait',
    forbidsFill: (s, _iova, pfn) => s.pfn === pfn,
    run: ({ pageCache }, s, m) => pageCache.clear(m, s.pfn),
  },
  pin_folio: {
    ...PLAIN,
    words: (s) => [`pin_folio() pfn ${s.pfn}`],
    touches: 0,
    mover: 'wait',
    run: ({ pageCache }, s, m) => pageCache.pin(m, s.pfn),
  },
  unpin_folio: {
    ...PLAIN,
    words: (s) => [`unpin_folio() pfn ${s.pfn}`],
    touches: REFS,
    run: ({ pageCache }, s, m) => pageCache.unpin(m, s.pfn),
  },
  folio_order: {
    ...PLAIN,
    words: (s) => [`folio_order() pfn ${s.pfn}`, either('4K', '2M')],
    touches: 0,
    run: ({ machine: { at }, view }, s, m) => m[at.huge_folio + view.head(m, s.pfn)],
  },
  folio_test_large: {
    ...PLAIN,
    words: (s) => [`folio_test_large() pfn ${s.pfn}`, truth],
    touches: ANYTHING,
    run: ({ machine: { at } }, s, m) => m[at.huge_folio + s.pfn],
  },
  wild_pointer: {
    ...PLAIN,
    words: (s) => [
      s.pointer === 'ERR_PTR' ? 'follows an ERR_PTR' : `follows ${s.pointer} beyond what was set`,
    ],
    touches: 0,
    run: ({ pageCache }, s, m) => pageCache.followed(m, s.pointer),
  },
  iopt_pages_add_npinned: {
    ...PLAIN,
    words: (s) => [`iopt_pages_add_npinned() ${plural(s.pages, 'page')}`],
    touches: 0,
    run: ({ machine: { at } }, s, m) => ((m[at.npinned] += s.pages), 0),
  },
  iopt_pages_sub_npinned: {
    ...PLAIN,
    words: (s) => [`iopt_pages_sub_npinned() ${plural(s.pages, 'page')}`],
    touches: 0,
    run: ({ machine: { at } }, s, m) => ((m[at.npinned] = Math.max(0, m[at.npinned] - s.pages)), 0),
  },
} satisfies Rows<{ readonly machine: Machine; readonly view: View; readonly pageCache: PageCache }>;
