// struct pfn_batch of pages.c: a run-length list of pfns, of one kind, with as many runs as its array holds.

import { type Kernel, EINVAL, ENOMEM, PAGE_SIZE, oops, should_fail, warn_on } from './kernel.ts';

export const BATCH_CPU_MEMORY = 0;
export const BATCH_MMIO = 1;
export type batch_kind = 0 | 1;

export interface pfn_batch {
  /** Entries never written are -1. */
  readonly pfns: number[];
  readonly npfns: number[];
  /** Runs that the memory behind the arrays has room for; array_size is lowered for a while. */
  readonly allocated: number;
  array_size: number;
  end: number;
  total_pfns: number;
  kind: batch_kind;
}

export const BATCH_BACKUP_SIZE = 32;
/** sizeof(*pfns) + sizeof(*npfns). */
const ELMSZ = 8 + 4;

// MODEL: where the first kmalloc() fails there is no second try with PAGE_SIZE.
/** How many bytes the caller gets; null for -ENOMEM. With a backup on the stack it cannot fail. */
export function temp_kmalloc(k: Kernel, wanted: number, backup_len: number): number | null {
  if (warn_on(k, wanted === 0, 'temp_kmalloc', 'size is 0')) return null;
  if (wanted < backup_len) return wanted;
  const fails = should_fail(k, 'kmalloc');
  if (backup_len === 0) return fails ? null : Math.min(wanted, k.temp_memory_limit);
  return fails ? backup_len : Math.min(wanted, k.temp_memory_limit);
}

const UNWRITTEN = -1;

function entry(k: Kernel, batch: pfn_batch, array: number[], i: number, at: string): number {
  if (i < 0 || i >= batch.allocated) oops(k, 'out-of-array', at, `reads run ${i} of ${batch.allocated}`);
  const value = array[i];
  if (value === UNWRITTEN) oops(k, 'uninitialised-read', at, `reads run ${i}, never written`);
  return value;
}

export const pfnAt = (k: Kernel, batch: pfn_batch, i: number, at: string): number =>
  entry(k, batch, batch.pfns, i, at);
export const npfnsAt = (k: Kernel, batch: pfn_batch, i: number, at: string): number =>
  entry(k, batch, batch.npfns, i, at);

function put(k: Kernel, batch: pfn_batch, i: number, run: readonly [number, number], at: string): void {
  if (i < 0 || i >= batch.allocated) oops(k, 'out-of-array', at, `writes run ${i} of ${batch.allocated}`);
  batch.pfns[i] = run[0];
  batch.npfns[i] = run[1];
}

export function batch_clear(k: Kernel, batch: pfn_batch): void {
  batch.total_pfns = 0;
  batch.end = 0;
  put(k, batch, 0, [0, 0], 'batch_clear');
  batch.kind = BATCH_CPU_MEMORY;
}

/** Keeps the last pfns of the last run, moved to the front. */
export function batch_clear_carry(k: Kernel, batch: pfn_batch, keep_pfns: number): void {
  const at = 'batch_clear_carry';
  if (keep_pfns === 0) {
    batch_clear(k, batch);
    return;
  }
  const npfns = npfnsAt(k, batch, batch.end - 1, at);
  warn_on(k, batch.end === 0 || npfns < keep_pfns, at, `keeps ${keep_pfns} of a run of ${npfns}`);
  const pfn = pfnAt(k, batch, batch.end - 1, at) + (npfns - keep_pfns);
  batch.total_pfns = keep_pfns;
  put(k, batch, 0, [pfn, keep_pfns], at);
  batch.end = 1;
}

export function batch_skip_carry(k: Kernel, batch: pfn_batch, skip_pfns: number): void {
  if (batch.total_pfns === 0) return;
  const at = 'batch_skip_carry';
  const npfns = npfnsAt(k, batch, 0, at);
  warn_on(k, batch.total_pfns !== npfns, at, 'the carry is more than one run');
  const skip = Math.min(batch.total_pfns, skip_pfns);
  put(k, batch, 0, [pfnAt(k, batch, 0, at) + skip, npfns - skip], at);
  batch.total_pfns -= skip;
}

/** __batch_init(): null for -ENOMEM, which never comes with a backup. */
export function batch_init(k: Kernel, max_pages: number, backup_len: number): pfn_batch | number {
  const size = temp_kmalloc(k, max_pages * ELMSZ, backup_len);
  if (size === null) return ENOMEM;
  if (warn_on(k, size < ELMSZ, '__batch_init', 'no room for one run')) return EINVAL;
  const array_size = Math.floor(size / ELMSZ);
  return batchOf(array_size);
}

export function batchOf(array_size: number): pfn_batch {
  const pfns = Array<number>(array_size).fill(UNWRITTEN);
  const npfns = Array<number>(array_size).fill(UNWRITTEN);
  pfns[0] = 0;
  npfns[0] = 0;
  return { pfns, npfns, allocated: array_size, array_size, end: 0, total_pfns: 0, kind: BATCH_CPU_MEMORY };
}

/** batch_init_backup(): for paths that cannot fail. */
export function batch_init_backup(k: Kernel, max_pages: number): pfn_batch {
  const batch = batch_init(k, max_pages, BATCH_BACKUP_SIZE * 8);
  if (typeof batch === 'number') oops(k, 'wild-pointer', 'batch_init_backup', 'no batch');
  return batch;
}

/** False: the batch is full, or holds the other kind. */
export function batch_add_pfn_num(
  k: Kernel,
  batch: pfn_batch,
  pfn: number,
  nr: number,
  kind: batch_kind,
): boolean {
  const at = 'batch_add_pfn_num';
  const { end } = batch;
  if (batch.kind !== kind) {
    if (batch.end !== 0) return false;
    batch.kind = kind;
  }
  const npfns = end > 0 ? npfnsAt(k, batch, end - 1, at) : 0;
  const first = end > 0 ? pfnAt(k, batch, end - 1, at) : 0;
  if (end > 0 && pfn === first + npfns && nr <= k.max_npfns - npfns) {
    put(k, batch, end - 1, [first, npfns + nr], at);
  } else if (end < batch.array_size) {
    put(k, batch, end, [pfn, nr], at);
    batch.end++;
  } else {
    return false;
  }
  batch.total_pfns += nr;
  return true;
}

export function batch_remove_pfn_num(k: Kernel, batch: pfn_batch, nr: number): void {
  const at = 'batch_remove_pfn_num';
  const npfns = npfnsAt(k, batch, batch.end - 1, at) - nr;
  put(k, batch, batch.end - 1, [pfnAt(k, batch, batch.end - 1, at), npfns], at);
  if (npfns === 0) batch.end--;
  batch.total_pfns -= nr;
}

export const batch_add_pfn = (k: Kernel, batch: pfn_batch, pfn: number): boolean =>
  k.fn.batch_add_pfn_num(k, batch, pfn, 1, BATCH_CPU_MEMORY);

/** The pfns that a batch stands for, one by one: for tests, and for what compares. */
export function pfnsOf(batch: pfn_batch): number[] {
  const out: number[] = [];
  for (let run = 0; run < batch.end; run++)
    for (let i = 0; i < batch.npfns[run]; i++) out.push(batch.pfns[run] + i);
  return out;
}

/** copy_data_page() over the pages of a batch: bytes copied. `copy` is given pfn, offset and length. */
export function batch_rw(
  k: Kernel,
  batch: pfn_batch,
  range: { readonly offset: number; readonly length: number },
  copy: (pfn: number, offset: number, done: number, bytes: number) => void,
): number {
  let { offset, length } = range;
  let copied = 0;
  let npage = 0;
  let cur = 0;
  while (cur < batch.end) {
    const bytes = Math.min(length, PAGE_SIZE - offset);
    copy(pfnAt(k, batch, cur, 'batch_rw') + npage, offset, copied, bytes);
    offset = 0;
    length -= bytes;
    copied += bytes;
    npage++;
    if (npage === npfnsAt(k, batch, cur, 'batch_rw')) {
      npage = 0;
      cur++;
    }
    if (length === 0) break;
  }
  return copied;
}
