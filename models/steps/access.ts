// In-kernel access (cast `access`): what an area knows of its accesses, and the pages that a driver has pinned.
// MODEL: one driver with one iommufd_access, which is always attached and pins one range at a time; the domain holds
// every page that it gets, so that it reads the pfns there and pins none.

import { AREA_END_BITS } from '../../api/index.ts';
import { AREA, COUNT_MAX } from '../machine.ts';
import { BLOCKED, type Exec, type State } from './context.ts';
import { makeDirectMap } from './direct-map.ts';
import { ANYTHING, AREA_ANSWERS, PLAIN, type Rows } from './row.ts';
import { area as areaText, areaOr, iova } from './words.ts';

export type Access = ReturnType<typeof makeAccess>;

export function makeAccess(exec: Exec) {
  const { machine, view, note } = exec;
  const { at, pages } = machine;
  const directMap = makeDirectMap(exec);
  const { area, area_start, prevent_access, num_accesses, access_pfn } = at;

  const startOf = (m: State, iova: number): number => m[area_start + iova];
  const endOf = (m: State, iova: number): number => {
    let end = iova + 1;
    while (end < pages && m[area + end] === m[area + iova] && startOf(m, end) === startOf(m, iova)) end++;
    return end;
  };
  const rangeOf = (start: number, end: number): number => (start << AREA_END_BITS) + end - 1;

  return {
    /** 0: none, or busy, or cut, or nobody accesses it. */
    numAccesses: (m: State, start: number, end: number): number => {
      let first = start;
      while (first < end && m[area + first] === AREA.none) first++;
      if (first === end || m[area + first] !== AREA.mapped) return 0;
      const from = startOf(m, first);
      const to = endOf(m, first);
      if (from < start || to > end || m[num_accesses + from] === 0) return 0;
      note('access-meets-unmap');
      return 1 + rangeOf(from, to);
    },
    prevent: (m: State, start: number): number => {
      m[prevent_access + start] = 1;
      return 0;
    },
    /** 0: no area with pages, 1: prevented, else 2 + the area. */
    contig: (m: State, iova: number): number => {
      if (m[area + iova] !== AREA.mapped) return 0;
      const from = startOf(m, iova);
      return m[prevent_access + from] === 1 ? 1 : 2 + rangeOf(from, endOf(m, iova));
    },
    /** The area without a look at prevent_access, for who gives back. */
    contigUnpin: (m: State, iova: number): number =>
      m[area + iova] === AREA.mapped ? 2 + rangeOf(startOf(m, iova), endOf(m, iova)) : 0,
    add: (m: State, iova: number): number => {
      const from = num_accesses + startOf(m, iova);
      if (m[from] === COUNT_MAX) return BLOCKED;
      m[from]++;
      note('access-pinned');
      return 0;
    },
    remove: (m: State, iova: number): number => {
      const from = num_accesses + startOf(m, iova);
      m[from] = Math.max(0, m[from] - 1);
      return 0;
    },
    store: (m: State, iova: number, pfn: number): number => {
      m[access_pfn + iova] = pfn + 1;
      return 0;
    },
    erase: (m: State, start: number, end: number): number => {
      for (let iova = start; iova < end; iova++) m[access_pfn + iova] = 0;
      return 0;
    },
    items: (m: State): number => {
      let first = 0;
      while (first < pages && m[access_pfn + first] === 0) first++;
      if (first === pages) return 0;
      let end = first + 1;
      while (end < pages && m[access_pfn + end] !== 0) end++;
      return 1 + rangeOf(first, end);
    },
    /** A CPU reads or writes the page through the direct map. What it reads of a private page is of no use to it. */
    copy: (m: State, iova: number, pfn: number, write: boolean): number => {
      note('access-copied');
      if (view.isPrivate(m, iova)) note('private-page-copied');
      if (write) directMap.write(m, pfn);
      return 0;
    },
  };
}

const OF_CAST = { ...PLAIN, touches: ANYTHING, cast: 'access' } as const;

export const ACCESS_STEPS = {
  iopt_area_num_accesses: {
    ...OF_CAST,
    words: (s) => [`area->num_accesses in ${iova(s)}`, (a) => (a === 0 ? 'none' : `of ${areaText(a - 1)}`)],
    answers: AREA_ANSWERS,
    run: ({ access }, s, m) => access.numAccesses(m, s.start, s.end),
  },
  iopt_area_prevent_access: {
    ...OF_CAST,
    words: (s) => [`area->prevent_access = true, ${iova(s)}`],
    run: ({ access }, s, m) => access.prevent(m, s.start),
  },
  iopt_area_contig: {
    ...OF_CAST,
    words: (s) => [
      `iopt_area_contig_init() iova ${s.iova}`,
      (a) => (a < 2 ? (a === 0 ? 'no area' : 'prevent_access') : areaText(a - 2)),
    ],
    answers: AREA_ANSWERS,
    run: ({ access }, s, m) => (s.unpin === true ? access.contigUnpin(m, s.iova) : access.contig(m, s.iova)),
  },
  iopt_area_add_access: {
    ...OF_CAST,
    words: (s) => [`area->num_accesses++ ${iova(s)}`],
    run: ({ access }, s, m) => access.add(m, s.start),
  },
  iopt_area_remove_access: {
    ...OF_CAST,
    words: (s) => [`area->num_accesses-- ${iova(s)}`],
    run: ({ access }, s, m) => access.remove(m, s.start),
  },
  iopt_pages_xa_store: {
    ...OF_CAST,
    words: (s) => [`xa_store(&pages->pinned_pfns) iova ${s.iova} -> pfn ${s.pfn}`],
    run: ({ access }, s, m) => access.store(m, s.iova, s.pfn),
  },
  iopt_pages_xa_erase: {
    ...OF_CAST,
    words: (s) => [`xa_erase(&pages->pinned_pfns) ${iova(s)}`],
    run: ({ access }, s, m) => access.erase(m, s.start, s.end),
  },
  staccess_items: {
    ...OF_CAST,
    words: () => ['the pages that the driver has', areaOr('none')],
    answers: AREA_ANSWERS,
    run: ({ access }, _s, m) => access.items(m),
  },
  batch_rw: {
    ...OF_CAST,
    words: (s) => [`batch_rw(): ${s.write ? 'memcpy() to' : 'memcpy() from'} iova ${s.iova}, pfn ${s.pfn}`],
    run: ({ access }, s, m) => access.copy(m, s.iova, s.pfn, s.write),
  },
} satisfies Rows<{ readonly access: Access }>;
