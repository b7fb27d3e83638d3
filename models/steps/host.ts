// What others of the host do with pages: memory_failure(); and a user thread with references of its own (cast `host`),
// speculative ones of lockless lookups, and one page pinned by GUP.

import { FOLIO_PFN_BITS } from '../../api/index.ts';
import { COUNT_MAX, OWNER } from '../machine.ts';
import { BLOCKED, type Exec, type State } from './context.ts';
import { makeDirectMap } from './direct-map.ts';
import type { PageCache } from './page-cache.ts';
import { ANYTHING, PLAIN, POISON, type Rows, pfnsOrNone } from './row.ts';
import { either, pfnOr, poisoned } from './words.ts';

export type Host = ReturnType<typeof makeHost>;

export function makeHost(exec: Exec, giveBackIfUnused: (m: State, first: number) => void) {
  const { machine, view, note } = exec;
  const directMap = makeDirectMap(exec);
  const { at } = machine;
  const { host_pte, page_cache, owner, folio_lock, try_refs, host_pin } = at;

  const putTry = (m: State, pfn: number): number => {
    const first = view.head(m, pfn);
    if (m[try_refs + first] === 0) {
      note('put-without-reference');
      return 0;
    }
    m[try_refs + first]--;
    giveBackIfUnused(m, first);
    return 0;
  };
  return {
    readPte: (m: State, index: number): number => m[host_pte + index] ?? 0,
    load: (m: State, index: number): number => m[page_cache + index],
    /** False: the count is 0, the page is free. A page of somebody else's is as good as any other. */
    tryGet: (m: State, pfn: number): number => {
      const first = view.head(m, pfn);
      if (m[owner + pfn] === OWNER.free && view.poisonReference(m, first) === 0) return 0;
      if (m[try_refs + first] === COUNT_MAX) return BLOCKED;
      m[try_refs + first]++;
      return 1;
    },
    putTry,
    lock: (m: State, thread: number, pfn: number): number => {
      const first = view.head(m, pfn);
      if (m[folio_lock + first] !== 0) return BLOCKED;
      m[folio_lock + first] = thread + 1;
      return 0;
    },
    /** The reference that was tried becomes the thread's pin; it keeps one at most. */
    keepPin: (m: State, pfn: number): number => {
      if (m[host_pin] === 0) {
        m[host_pin] = pfn + 1;
        note('host-pinned');
      }
      return m[try_refs + view.head(m, pfn)] === 0 ? 0 : putTry(m, pfn);
    },
    unpin: (m: State): number => {
      const pfn = m[host_pin] - 1;
      m[host_pin] = 0;
      if (pfn >= 0) giveBackIfUnused(m, view.head(m, pfn));
      return 0;
    },
    /** Through the direct map, to the page that is pinned. */
    kernelWrite: (m: State): number => {
      const pfn = m[host_pin] - 1;
      if (pfn >= 0) directMap.write(m, pfn);
      return 0;
    },
  };
}

export const HOST_STEPS = {
  set_hwpoison: {
    ...PLAIN,
    words: (s) => [`TestSetPageHWPoison() index ${s.index}`, poisoned],
    answers: ({ huge }) => (huge + 1) << FOLIO_PFN_BITS,
    touches: POISON,
    run: ({ pageCache }, s, m) => pageCache.poison(m, s.index),
  },
  read_host_pte: {
    ...PLAIN,
    words: (s) => [`ptep_get_lockless() index ${s.index}`, pfnOr('none')],
    answers: pfnsOrNone,
    touches: ANYTHING,
    run: ({ host }, s, m) => host.readPte(m, s.index),
  },
  xas_load: {
    ...PLAIN,
    words: (s) => [`xas_load() index ${s.index}`, pfnOr('none')],
    answers: pfnsOrNone,
    touches: ANYTHING,
    run: ({ host }, s, m) => host.load(m, s.index),
  },
  folio_try_get: {
    ...PLAIN,
    words: (s) => [`folio_try_get() pfn ${s.pfn}`, either('free', '')],
    touches: ANYTHING,
    mover: 'wait',
    run: ({ host }, s, m) => host.tryGet(m, s.pfn),
  },
  folio_put_tried: {
    ...PLAIN,
    words: (s) => [`folio_put() pfn ${s.pfn}`],
    touches: ANYTHING,
    run: ({ host }, s, m) => host.putTry(m, s.pfn),
  },
  folio_lock: {
    ...PLAIN,
    words: (s) => [`folio_lock() pfn ${s.pfn}`],
    touches: ANYTHING,
    mover: 'wait',
    takes: 'folio lock',
    sleeps: true,
    run: ({ host }, s, m, t) => host.lock(m, t, s.pfn),
  },
  keep_pin: {
    ...PLAIN,
    words: (s) => [`GUP: pfn ${s.pfn} is pinned`],
    touches: ANYTHING,
    run: ({ host }, s, m) => host.keepPin(m, s.pfn),
  },
  unpin_user_page: {
    ...PLAIN,
    words: () => ['unpin_user_page()'],
    touches: ANYTHING,
    run: ({ host }, _s, m) => host.unpin(m),
  },
  kernel_write: {
    ...PLAIN,
    words: () => ['the kernel writes to the page that is pinned'],
    touches: ANYTHING,
    run: ({ host }, _s, m) => host.kernelWrite(m),
  },
} satisfies Rows<{ readonly host: Host; readonly pageCache: PageCache }>;
