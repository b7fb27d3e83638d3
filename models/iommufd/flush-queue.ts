// The flush queue of dma-iommu.c: IOVAs whose reuse waits for the next flush of everything. iommufd never uses
// it (iommu_unmap() is not queued); the DMA API does.

export interface iova_fq_entry {
  readonly iova: number;
  readonly counter: number;
}

export interface iova_fq {
  readonly entries: iova_fq_entry[];
  readonly size: number;
  fq_flush_start_cnt: number;
  fq_flush_finish_cnt: number;
  /** IOVAs that the IOTLB may still translate, though their PTEs are clear. */
  readonly stale: Set<number>;
  /** What another CPU's flush_iotlb_all() has begun with and not finished. */
  flushing: readonly number[] | null;
  /** IOVAs given back to the allocator. */
  readonly reused: number[];
}

export const iova_fq = (size: number): iova_fq => ({
  entries: [],
  size,
  fq_flush_start_cnt: 0,
  fq_flush_finish_cnt: 0,
  stale: new Set(),
  flushing: null,
  reused: [],
});

export interface FlushQueueFunctions {
  readonly is_flushed: (fq: iova_fq, entry: iova_fq_entry) => boolean;
  /** How queue_iova() makes room where the ring is full. */
  readonly when_full: (fq: iova_fq, fn: FlushQueueFunctions) => void;
}

/** counter >= finish_cnt: not flushed yet. */
export const is_flushed = (fq: iova_fq, entry: iova_fq_entry): boolean =>
  entry.counter < fq.fq_flush_finish_cnt;

export function fq_ring_free(fq: iova_fq, fn: FlushQueueFunctions): void {
  while (fq.entries.length > 0 && fn.is_flushed(fq, fq.entries[0])) {
    const [entry] = fq.entries.splice(0, 1);
    fq.reused.push(entry.iova);
  }
}

/** fq_flush_iotlb() in two halves, because it may run on another CPU: start_cnt goes up before the flush. */
export function fq_flush_begin(fq: iova_fq): void {
  fq.fq_flush_start_cnt++;
  fq.flushing = [...fq.stale];
}

export function fq_flush_end(fq: iova_fq): void {
  for (const iova of fq.flushing ?? []) fq.stale.delete(iova);
  fq.flushing = null;
  fq.fq_flush_finish_cnt++;
}

export function flush_when_full(fq: iova_fq, fn: FlushQueueFunctions): void {
  if (fq.flushing !== null) fq_flush_end(fq);
  fq_flush_begin(fq);
  fq_flush_end(fq);
  fq_ring_free(fq, fn);
}

/** The PTE is clear, the IOTLB is not. */
export function queue_iova(fq: iova_fq, iova: number, fn: FlushQueueFunctions): void {
  fq.stale.add(iova);
  fq_ring_free(fq, fn);
  if (fq.entries.length === fq.size) fn.when_full(fq, fn);
  fq.entries.push({ iova, counter: fq.fq_flush_start_cnt });
}

export const FLUSH_QUEUE: FlushQueueFunctions = { is_flushed, when_full: flush_when_full };
