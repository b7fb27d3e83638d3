// The inode-level bracket, for consumers that are no VMs: in_progress, the range, seq; and what they ask inside it.

import { type Machine, SEQ_MOVES_MAX, SEQ_VALUES } from '../machine.ts';
import type { View } from '../view.ts';
import { type Exec, type State, hull, maskOf } from './context.ts';
import { ATTRIBUTES, GMEM_SEQ, GMEM_SEQ_READ, PLAIN, type Rows, type StepOf } from './row.ts';
import { fault, index, truth } from './words.ts';

export type Bracket = ReturnType<typeof makeBracket>;

export function makeBracket(exec: Exec) {
  const { machine, note } = exec;
  const { at } = machine;
  const { gmem_seq_moves } = at;
  const covers = (m: State, index: number): boolean =>
    m[at.gmem_in_progress] > 0 && ((m[at.gmem_range] >> index) & 1) === 1;

  return {
    covers,
    start: (m: State, start: number, end: number): number => {
      const old = m[at.gmem_in_progress] === 0 ? 0 : m[at.gmem_range];
      m[at.gmem_in_progress]++;
      m[at.gmem_range] = hull(old | maskOf(start, end));
      note('bracket-opened');
      if (m[at.gmem_in_progress] > 1) note('brackets-overlap');
      return 0;
    },
    seqInc: (m: State): number => {
      m[at.gmem_seq] = (m[at.gmem_seq] + 1) % SEQ_VALUES;
      if (gmem_seq_moves !== undefined) m[gmem_seq_moves] = Math.min(SEQ_MOVES_MAX, m[gmem_seq_moves] + 1);
      return 0;
    },
    countDec: (m: State): number => {
      if (m[at.gmem_in_progress] === 0) note('in-progress-negative');
      else m[at.gmem_in_progress]--;
      if (m[at.gmem_in_progress] === 0) m[at.gmem_range] = m[at.gmem_zapped] = 0;
      note('bracket-closed');
      if (gmem_seq_moves === undefined) return 0;
      if (m[gmem_seq_moves] === 0) note('end-without-seq');
      else m[gmem_seq_moves]--;
      return 0;
    },
    retry: (
      m: State,
      seq: number,
      index: number,
      fault: StepOf<'gmem_invalidate_retry'>['fault'],
    ): number => {
      const inside = fault !== 'ignore-progress' && covers(m, index);
      const moved = fault !== 'ignore-seq' && m[at.gmem_seq] !== seq;
      if (!inside && !moved) return 0;
      note('gmem-retry-stale');
      return 1;
    },
  };
}

export const BRACKET_STEPS = {
  gmem_is_private: {
    ...PLAIN,
    words: (s) => [`kvm_gmem_is_private() index ${s.index}`, truth],
    touches: 0,
    commutes: ATTRIBUTES,
    run: ({ machine: { gfnOf }, view }, s, m) => (view.isPrivate(m, gfnOf[s.index]) ? 1 : 0),
  },
  gmem_invalidate_start: {
    ...PLAIN,
    words: (s) => [`gmem_invalidate_start() ${index(s)} (proposed)`],
    touches: 0,
    run: ({ bracket }, s, m) => bracket.start(m, s.start, s.end),
  },
  gmem_invalidate_seq_inc: {
    ...PLAIN,
    words: () => ['seq++ of guest_memfd (proposed)'],
    touches: GMEM_SEQ,
    commutes: GMEM_SEQ_READ,
    run: ({ bracket }, _s, m) => bracket.seqInc(m),
  },
  gmem_in_progress_dec: {
    ...PLAIN,
    words: () => ['in_progress-- of guest_memfd (proposed)'],
    touches: 0,
    run: ({ bracket }, _s, m) => bracket.countDec(m),
  },
  gmem_invalidate_seq: {
    ...PLAIN,
    words: () => ['gmem_invalidate_seq() (proposed)', (a) => `seq ${a}`],
    answers: SEQ_VALUES,
    touches: GMEM_SEQ_READ,
    commutes: GMEM_SEQ,
    run: ({ machine: { at } }, _s, m) => m[at.gmem_seq],
  },
  gmem_invalidate_retry: {
    ...PLAIN,
    words: (s) => [`gmem_invalidate_retry() seq ${s.seq}, index ${s.index} (proposed)${fault(s)}`, truth],
    touches: GMEM_SEQ_READ,
    run: ({ bracket }, s, m) => bracket.retry(m, s.seq, s.index, s.fault),
  },
} satisfies Rows<{ readonly machine: Machine; readonly view: View; readonly bracket: Bracket }>;
