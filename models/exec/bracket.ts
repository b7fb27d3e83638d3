// The inode-level bracket, for consumers that are no VMs: in_progress, the range, seq.

import { SEQ_VALUES } from '../machine.ts';
import { type Exec, type State, hull, maskOf } from './context.ts';

export type Bracket = ReturnType<typeof makeBracket>;

export function makeBracket(exec: Exec) {
  const { machine, note } = exec;
  const { at } = machine;
  const covers = (m: State, index: number): boolean =>
    m[at.gmem_in_progress] > 0 && ((m[at.gmem_range] >> index) & 1) === 1;

  return {
    covers,
    start: (m: State, start: number, end: number, fault: string): number => {
      if (fault === 'skip') return 0;
      const old = m[at.gmem_in_progress] === 0 ? 0 : m[at.gmem_range];
      m[at.gmem_in_progress]++;
      m[at.gmem_range] = fault === 'no-range' ? old : hull(old | maskOf(start, end));
      note('bracket-opened');
      if (m[at.gmem_in_progress] > 1) note('brackets-overlap');
      return 0;
    },
    seqInc: (m: State): number => {
      m[at.gmem_seq] = (m[at.gmem_seq] + 1) % SEQ_VALUES;
      return 0;
    },
    countDec: (m: State): number => {
      if (m[at.gmem_in_progress] === 0) note('in-progress-negative');
      else m[at.gmem_in_progress]--;
      if (m[at.gmem_in_progress] === 0) m[at.gmem_range] = m[at.gmem_zapped] = 0;
      note('bracket-closed');
      return 0;
    },
    retry: (m: State, seq: number, index: number, fault: string): number => {
      const inside = fault !== 'ignore-progress' && covers(m, index);
      const moved = fault !== 'ignore-seq' && m[at.gmem_seq] !== seq;
      if (!inside && !moved) return 0;
      note('gmem-retry-stale');
      return 1;
    },
  };
}
