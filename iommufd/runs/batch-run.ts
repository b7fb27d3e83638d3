// A pfn_batch against a plain list of pfns.

import type { BatchData } from '../arbitraries/batch.ts';
import {
  BATCH_CPU_MEMORY,
  BATCH_MMIO,
  batchOf,
  batch_add_pfn_num,
  batch_clear,
  batch_skip_carry,
  pfnsOf,
} from '../model/batch.ts';
import type { Functions } from '../model/functions.ts';
import { kernelOf } from '../model/kernel-of.ts';
import type { Kernel } from '../model/kernel.ts';

/** Null, or how the batch differs from the list. */
export function runBatch(data: BatchData, fn?: Functions): string | null {
  const k: Kernel = kernelOf(fn);
  k.max_npfns = data.maxNpfns;
  const batch = batchOf(data.runs);
  let list: number[] = [];
  /** The pfn behind the last run; a carry that was skipped whole leaves an empty run there. */
  let next = -1;
  for (const [n, op] of data.ops.entries()) {
    const last = batch.end > 0 ? batch.npfns[batch.end - 1] : 0;
    if (op.op === 'add') {
      const kind = op.mmio ? BATCH_MMIO : BATCH_CPU_MEMORY;
      const full = batch.end === data.runs;
      const other = batch.end > 0 && batch.kind !== kind;
      const joins = batch.end > 0 && next === op.pfn && last + op.nr <= data.maxNpfns;
      const taken = batch_add_pfn_num(k, batch, op.pfn, op.nr, kind);
      if (taken !== (!other && (joins || !full))) return `${n}: add returns ${taken}`;
      if (taken) {
        for (let i = 0; i < op.nr; i++) list.push(op.pfn + i);
        next = op.pfn + op.nr;
      }
    } else if (op.op === 'carry') {
      const keep = Math.min(op.keep, last);
      k.fn.batch_clear_carry(k, batch, keep);
      list = keep === 0 ? [] : list.slice(-keep);
    } else if (op.op === 'skip' && batch.end === 1) {
      batch_skip_carry(k, batch, op.skip);
      list = list.slice(Math.min(op.skip, list.length));
    } else if (op.op === 'clear') {
      batch_clear(k, batch);
      list = [];
    }
    if (batch.total_pfns !== list.length) return `${n}: total_pfns ${batch.total_pfns} of ${list.length}`;
    const pfns = pfnsOf(batch);
    for (let i = 0; i < list.length; i++) if (pfns[i] !== list[i]) return `${n}: pfn ${i} is ${pfns[i]}`;
  }
  return k.findings.length === 0 ? null : k.findings[0].detail;
}
