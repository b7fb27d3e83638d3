// The state of a conversion: attributes, split and merge of folios, and how it ends.

import { BLOCKED, type Exec, type State, kindBit, maskOf } from './context.ts';
import { ANYTHING, HUGE, PLAIN, REFS, type Rows } from './row.ts';
import { either, index, subranges, truth } from './words.ts';

export type Conversion = ReturnType<typeof makeConversion>;

/** Answers of split and merge. */
const NONE = 0;
const DONE = 1;
const BUSY = 2;
const FAILED = 3;

export function makeConversion(exec: Exec, failsNow: (m: State, step: string) => boolean) {
  const { machine, view, note } = exec;
  const { at, pages, huge, config } = machine;
  const { page_cache, huge_folio, pins } = at;
  const judged = config.fail !== null;

  /** Bits of the indices that are private, in a huge folio. */
  const privateMask = (m: State): number => {
    let mask = 0;
    for (let index = 0; index < pages; index++) mask |= m[at.private + index] << index;
    return mask;
  };
  const hugeMask = (m: State): number => {
    let mask = 0;
    for (let index = 0; index < pages; index++) {
      const pfn = m[page_cache + index] - 1;
      if (pfn >= 0 && view.folioPages(m, view.head(m, pfn)) > 1) mask |= 1 << index;
    }
    return mask;
  };

  return {
    failsNow,
    computeWork: (m: State, thread: number, start: number, end: number, toPrivate: number): number => {
      let differs = 0;
      for (let index = start; index < end; index++)
        if (m[at.private + index] !== toPrivate) differs |= 1 << (index - start);
      if (judged) {
        m[at.convert_by] = thread + 1;
        m[at.convert_private] = privateMask(m);
        m[at.convert_huge] = hugeMask(m);
      }
      return differs * 2 + m[at.huge_inode];
    },
    /** Whole, or undone: the attributes, the sizes of folios, and no private leaf that is gone for nothing. */
    returns: (m: State, start: number, end: number, toPrivate: number, failed: boolean): number => {
      const range = maskOf(start, end);
      const isPrivate = privateMask(m);
      if (failed) {
        if (isPrivate !== m[at.convert_private]) note('conversion-half-done');
        if (hugeMask(m) !== m[at.convert_huge]) note('conversion-left-structure');
        if (m[at.convert_lost] === 1) note('conversion-failed-after-remove');
      } else if ((isPrivate & range) !== (toPrivate === 1 ? range : 0)) note('conversion-not-done');
      m[at.convert_by] = m[at.convert_private] = m[at.convert_huge] = m[at.convert_lost] = 0;
      return 0;
    },
    someShared: (m: State, start: number, end: number): number => {
      for (let index = start; index < end; index++) if (m[at.private + index] === 0) return 1;
      return 0;
    },
    split: (m: State, index: number): number => {
      const pfn = m[page_cache + index] - 1;
      if (pfn < 0) return NONE;
      const first = view.head(m, pfn);
      if (view.folioPages(m, first) === 1) return NONE;
      if (view.extraReferences(m, first) === 0) {
        if (failsNow(m, 'split_folio')) return FAILED;
        m[huge_folio + first] = 0;
        note('folio-split');
        return DONE;
      }
      for (let p = first; p < first + huge; p++) if (m[pins + p] > 0) note('spin-on-user-reference');
      return BUSY;
    },
    waitForRefs: (m: State, index: number): number => {
      const first = index - (index % huge);
      for (let k = first; k < first + huge && k < pages; k++) {
        const pfn = m[page_cache + k] - 1;
        if (pfn >= 0 && view.extraReferences(m, view.head(m, pfn)) > 0) return BLOCKED;
      }
      return 0;
    },
    /** Mixed: for truncation, whatever the attributes. */
    merge: (m: State, index: number, mixed: boolean): number => {
      const first = index - (index % huge);
      const block = m[page_cache + first] - 1;
      if (m[at.huge_inode] === 0 || block < 0 || block % huge !== 0 || m[huge_folio + block] === 1)
        return NONE;
      for (let k = 0; k < huge; k++)
        if (m[page_cache + first + k] !== block + k + 1 || (!mixed && m[at.private + first + k] === 0))
          return NONE;
      /* each 4K folio is frozen, those outside the range of the conversion as well */
      let busy = false;
      for (let p = block; p < block + huge; p++) {
        if (view.extraReferences(m, p) > 0) busy = true;
        if (m[pins + p] > 0) note('spin-on-user-reference');
      }
      if (busy) return BUSY;
      if (failsNow(m, 'merge_folio')) return FAILED;
      m[huge_folio + block] = 1;
      note('folio-merged');
      return DONE;
    },
  };
}

export const CONVERSION_STEPS = {
  wait_for_folio_refs: {
    ...PLAIN,
    words: (s) => [`wait for the references to the folio of index ${s.index}`],
    touches: REFS,
    mover: 'wait',
    waitsForUser: true,
    run: ({ conversion }, s, m) => conversion.waitForRefs(m, s.index),
  },
  compute_work: {
    ...PLAIN,
    words: (s) => [
      `kvm_gmem_convert_compute_work() ${index(s)} to ${s.to}`,
      (a) => (a >> 1 === 0 ? 'nothing to do' : subranges(a >> 1, s.start)),
    ],
    answers: (_machine, s) => 2 ** (s.end - s.start + 1),
    touches: HUGE,
    run: ({ conversion }, s, m, t) => conversion.computeWork(m, t, s.start, s.end, kindBit(s.to)),
  },
  kvm_gmem_has_some_shared: {
    ...PLAIN,
    words: (s) => [`kvm_gmem_has_some_shared() ${index(s)}`, truth],
    touches: 0,
    run: ({ conversion }, s, m) => conversion.someShared(m, s.start, s.end),
  },
  split_folio: {
    ...PLAIN,
    words: (s) => [
      `split_folio() index ${s.index}`,
      (a) => ['not huge', 'split', 'busy', '-ENOMEM'][a] ?? '',
    ],
    answers: 4,
    touches: REFS,
    fails: true,
    run: ({ conversion }, s, m) => conversion.split(m, s.index),
  },
  merge_folio: {
    ...PLAIN,
    words: (s) => [
      `merge_folio() index ${s.index}`,
      (a) => ['nothing to merge', 'merged', 'busy', '-ENOMEM'][a] ?? '',
    ],
    answers: 4,
    touches: REFS | HUGE,
    fails: true,
    run: ({ conversion }, s, m) => conversion.merge(m, s.index, s.mixed === true),
  },
  fails: {
    ...PLAIN,
    words: (s) => [s.step === 'signal_pending' ? 'signal_pending()' : `${s.step}()`, either('', 'fails')],
    touches: ANYTHING,
    run: ({ conversion }, s, m) => (conversion.failsNow(m, s.step) ? 1 : 0),
  },
  convert_returns: {
    ...PLAIN,
    words: (s) => [`the conversion of ${index(s)} to ${s.to} ${s.failed ? 'has failed' : 'is done'}`],
    touches: ANYTHING,
    run: ({ conversion }, s, m) => conversion.returns(m, s.start, s.end, kindBit(s.to), s.failed),
  },
} satisfies Rows<{ readonly conversion: Conversion }>;
