// iommufd's areas: reserved, filled, mapped, on their way out.

import { AREA_END_BITS } from '../../api/index.ts';
import { AREA, FILE, type Machine } from '../machine.ts';
import type { State } from './context.ts';
import type { Dmabuf } from './dmabuf.ts';
import { AREA_ANSWERS, PLAIN, type Rows } from './row.ts';
import { area as areaText, areaOr, iova } from './words.ts';

export type Areas = ReturnType<typeof makeAreas>;

export function makeAreas({ at, pages }: Machine) {
  const { area, area_start } = at;
  const setArea = (m: State, start: number, end: number, value: number): number => {
    for (let iova = start; iova < end; iova++) {
      m[area + iova] = value;
      m[area_start + iova] = value === AREA.none ? 0 : start;
      if (value === AREA.none && at.prevent_access !== undefined)
        m[at.prevent_access + iova] = m[at.num_accesses + iova] = 0;
    }
    return 0;
  };
  const isDmabuf = (m: State, iova: number): boolean =>
    at.dmabuf_pages !== undefined && m[at.dmabuf_pages + iova] !== 0;
  const areaOf = (m: State, iova: number): number => {
    if (m[area + iova] === AREA.none) return 0;
    const start = m[area_start + iova];
    let end = iova + 1;
    while (end < pages && m[area + end] === m[area + iova] && m[area_start + end] === start) end++;
    return 1 + (start << AREA_END_BITS) + end - 1;
  };
  return {
    /** An area of the gmem file, or of something else. */
    insertArea: (m: State, start: number, end: number, ofFile = true): number => {
      if (ofFile && m[at.file] !== FILE.open) return 1;
      for (let iova = start; iova < end; iova++) if (m[area + iova] !== AREA.none) return 2;
      return setArea(m, start, end, AREA.filling);
    },
    areaReady: (m: State, start: number, end: number): number => setArea(m, start, end, AREA.mapped),
    abortArea: (m: State, start: number, end: number): number => setArea(m, start, end, AREA.none),
    /** The lowest area that meets the range: 0 none, 1 busy, 2 cut, else 3 + the area. */
    beginUnmap: (m: State, start: number, end: number): number => {
      let first = start;
      while (first < end && m[area + first] === AREA.none) first++;
      if (first === end) return 0;
      if (m[area + first] !== AREA.mapped) return 1;
      const from = m[area_start + first];
      let to = first + 1;
      while (to < pages && m[area + to] === AREA.mapped && m[area_start + to] === from) to++;
      if (from < start || to > end) return 2;
      for (let iova = from; iova < to; iova++) m[area + iova] = AREA.leaving;
      return 3 + (from << AREA_END_BITS) + to - 1;
    },
    /** Of the file: what a policy asks for, which goes by the areas of its pages. */
    areaOf: (m: State, iova: number): number => (isDmabuf(m, iova) ? 0 : areaOf(m, iova)),
    isDmabuf,
    /** The lowest area with pages that begins in the range, or 0. */
    areaIter: (m: State, start: number, end: number): number => {
      for (let iova = start; iova < end; iova++)
        if (m[area + iova] === AREA.mapped && m[area_start + iova] === iova) return areaOf(m, iova);
      return 0;
    },
  };
}

export const AREA_STEPS = {
  iopt_insert_area: {
    ...PLAIN,
    words: (s) => [`iopt_insert_area() ${iova(s)}`, (a) => ['', '-EBADF', '-EEXIST'][a] ?? ''],
    answers: 4,
    touches: 0,
    run: ({ areas, dmabuf }, s, m, t) => {
      if (s.dmabuf !== true) return areas.insertArea(m, s.start, s.end);
      const answer = areas.insertArea(m, s.start, s.end, false);
      if (answer === 0) dmabuf.enter(m, t, s.start);
      return answer;
    },
  },
  iopt_area_ready: {
    ...PLAIN,
    words: (s) => [`area->pages = pages, ${iova(s)}`],
    touches: 0,
    run: ({ areas }, s, m) => areas.areaReady(m, s.start, s.end),
  },
  iopt_area_begin_unmap: {
    ...PLAIN,
    words: (s) => [
      `area->pages = NULL in ${iova(s)}`,
      (a) => (a < 3 ? (['no area', '-EBUSY', '-ENOENT'][a] ?? '') : areaText(a - 3)),
    ],
    answers: AREA_ANSWERS,
    touches: 0,
    run: ({ areas }, s, m) => areas.beginUnmap(m, s.start, s.end),
  },
  iopt_abort_area: {
    ...PLAIN,
    words: (s) => [`iopt_abort_area() ${iova(s)}`],
    touches: 0,
    run: ({ areas, dmabuf }, s, m, t) => {
      dmabuf.leave(m, t, s.start);
      return areas.abortArea(m, s.start, s.end);
    },
  },
} satisfies Rows<{ readonly areas: Areas; readonly dmabuf: Dmabuf }>;

/** A policy's own look: no function of iommufd's. */
export const AREA_LOOKUP_STEPS = {
  iopt_area_of: {
    ...PLAIN,
    words: (s) => [`iopt_area_of() iova ${s.iova}`, areaOr('no area')],
    answers: AREA_ANSWERS,
    touches: 0,
    run: ({ areas }, s, m) => areas.areaOf(m, s.iova),
  },
} satisfies Rows<{ readonly areas: Areas }>;
