// The flush queue of dma-iommu.c: IOVAs whose reuse waits for the next flush of everything. iommufd never uses
// it (iommu_unmap() is not queued); the DMA API does. Two CPUs and the IOMMU take steps in turn here: each `yield` is
// a place where others may come in, and says what was done before it.

// MODEL: one CPU unmaps, and has the only ring; another has the timer. Of the stores of the first only the clear of a
// PTE can wait in its store buffer; those of the second are seen at once. The other pair of that smp_mb(), smp_wmb() of
// iommu_dma_init_fq(), is not here: the queue is there from the start.

export type FlushQueueSteps = Generator<string, void>;

export interface iova_fq_entry {
  readonly iova: number;
  readonly counter: number;
}

export interface iova_fq {
  readonly entries: iova_fq_entry[];
  readonly mod_mask: number;
  head: number;
  tail: number;
  /** fq->lock, which only the CPU of the ring holds over a step. */
  locked: boolean;
}

export interface iommu_dma_cookie {
  readonly fq: iova_fq;
  fq_flush_start_cnt: number;
  fq_flush_finish_cnt: number;
  /** PTEs in memory, which is what the IOMMU walks. */
  readonly ptes: Set<number>;
  readonly iotlb: Set<number>;
  /** PTEs that the first CPU has cleared, and memory has still. */
  readonly storeBuffer: Set<number>;
  /** IOVAs given back to the allocator. */
  readonly reused: number[];
}

export interface FlushQueueFunctions {
  readonly smp_mb: (cookie: iommu_dma_cookie) => FlushQueueSteps;
  readonly spin_lock: (cookie: iommu_dma_cookie) => void;
  readonly is_flushed: (cookie: iommu_dma_cookie, entry: iova_fq_entry) => boolean;
  /** How queue_iova() makes room where the ring is full. */
  readonly when_full: (cookie: iommu_dma_cookie, fn: FlushQueueFunctions) => FlushQueueSteps;
}

/** The ring holds one less than its size. */
export const iommu_dma_init_fq = (size: number): iommu_dma_cookie => ({
  fq: { entries: [], mod_mask: size - 1, head: 0, tail: 0, locked: false },
  fq_flush_start_cnt: 0,
  fq_flush_finish_cnt: 0,
  ptes: new Set(),
  iotlb: new Set(),
  storeBuffer: new Set(),
  reused: [],
});

/** The stores of the first CPU reach memory: by a barrier, or when they like. */
export function drain({ storeBuffer, ptes }: iommu_dma_cookie): void {
  for (const iova of storeBuffer) ptes.delete(iova);
  storeBuffer.clear();
}

/** A device uses every IOVA that has a PTE. */
export function walk({ ptes, iotlb }: iommu_dma_cookie): void {
  for (const iova of ptes) iotlb.add(iova);
}

export function* smp_mb(cookie: iommu_dma_cookie): FlushQueueSteps {
  drain(cookie);
  yield 'smp_mb()';
}

/** An acquire: what was stored before may still wait. */
export function spin_lock({ fq }: iommu_dma_cookie): void {
  fq.locked = true;
}

/** A release: who takes the lock next sees what was stored before. */
function spin_unlock(cookie: iommu_dma_cookie): void {
  drain(cookie);
  cookie.fq.locked = false;
}

/** counter >= finish_cnt: not flushed yet. */
export const is_flushed = (cookie: iommu_dma_cookie, entry: iova_fq_entry): boolean =>
  entry.counter < cookie.fq_flush_finish_cnt;

const fq_full = ({ head, tail, mod_mask }: iova_fq): boolean => ((tail + 1) & mod_mask) === head;

export function fq_ring_free_locked(cookie: iommu_dma_cookie, fn: FlushQueueFunctions): void {
  const { fq, reused } = cookie;
  while (fq.head !== fq.tail && fn.is_flushed(cookie, fq.entries[fq.head])) {
    reused.push(fq.entries[fq.head].iova);
    fq.head = (fq.head + 1) & fq.mod_mask;
  }
}

function* fq_flush_iotlb(cookie: iommu_dma_cookie): FlushQueueSteps {
  cookie.fq_flush_start_cnt++;
  yield `start_cnt is ${cookie.fq_flush_start_cnt}`;
  cookie.iotlb.clear();
  yield 'flush_iotlb_all()';
  cookie.fq_flush_finish_cnt++;
  yield `finish_cnt is ${cookie.fq_flush_finish_cnt}`;
}

/** The command of its own flush does not pass what this CPU has stored before. */
export function* flush_when_full(cookie: iommu_dma_cookie, fn: FlushQueueFunctions): FlushQueueSteps {
  drain(cookie);
  yield* fq_flush_iotlb(cookie);
  fq_ring_free_locked(cookie, fn);
}

export function* queue_iova(
  cookie: iommu_dma_cookie,
  iova: number,
  fn: FlushQueueFunctions,
): FlushQueueSteps {
  const { fq } = cookie;
  yield* fn.smp_mb(cookie);
  fn.spin_lock(cookie);
  fq_ring_free_locked(cookie, fn);
  yield 'spin_lock(), fq_ring_free_locked()';
  if (fq_full(fq)) yield* fn.when_full(cookie, fn);
  fq.entries[fq.tail] = { iova, counter: cookie.fq_flush_start_cnt };
  fq.tail = (fq.tail + 1) & fq.mod_mask;
  yield `iova ${iova} has counter ${cookie.fq_flush_start_cnt}`;
  spin_unlock(cookie);
  yield 'spin_unlock()';
}

/** The first CPU: __iommu_dma_unmap() of one IOVA after the other, each mapped and used before. */
export function* unmapInTurn(cookie: iommu_dma_cookie, fn: FlushQueueFunctions): FlushQueueSteps {
  for (let iova = 0; ; iova++) {
    cookie.iotlb.add(iova);
    cookie.ptes.add(iova);
    cookie.storeBuffer.add(iova);
    yield `clear the PTE of iova ${iova}`;
    yield* queue_iova(cookie, iova, fn);
  }
}

/** The second CPU: fq_flush_timeout() again and again. */
export function* timeouts(cookie: iommu_dma_cookie, fn: FlushQueueFunctions): FlushQueueSteps {
  for (;;) {
    yield* fq_flush_iotlb(cookie);
    while (cookie.fq.locked) yield 'waits for fq->lock';
    fq_ring_free_locked(cookie, fn);
    yield 'fq_ring_free()';
  }
}

export const FLUSH_QUEUE: FlushQueueFunctions = { smp_mb, spin_lock, is_flushed, when_full: flush_when_full };
