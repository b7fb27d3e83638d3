// The flush queue of dma-iommu.c: every order of the steps inside small bounds, and generated longer ones.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { flushQueueOps } from '../arbitraries/iotlb.ts';
import { FLUSH_QUEUE } from '../model/flush-queue.ts';
import { FLUSH_QUEUE_FAULTS, exploreFlushQueue, lockDrains, runFlushQueue } from './flush-queue-run.ts';

const BOUNDS = { iovas: 5, flushes: 3 };

describe('every order of the steps', () => {
  test('with the barrier no IOVA is used again before it was flushed', () => {
    expect(exploreFlushQueue(FLUSH_QUEUE, BOUNDS)).toEqual({ states: 9861, wrong: null });
  });

  test.each([
    ['K30', 8],
    ['K30b', 19],
    ['K30c', 9],
  ])('%s: one of %d steps does', (id, steps) => {
    expect(exploreFlushQueue(FLUSH_QUEUE_FAULTS[id], BOUNDS).wrong?.length).toBe(steps);
  });

  test('K30c: the flush is over when the IOMMU reads the PTE again', () => {
    const { wrong } = exploreFlushQueue(FLUSH_QUEUE_FAULTS.K30c, BOUNDS);
    expect(runFlushQueue(wrong ?? [], FLUSH_QUEUE_FAULTS.K30c).steps).toEqual([
      'CPU0: clear the PTE of iova 0',
      'CPU0: spin_lock(), fq_ring_free_locked()',
      'CPU0: iova 0 has counter 0',
      'CPU1: start_cnt is 1',
      'CPU1: flush_iotlb_all()',
      'CPU1: finish_cnt is 1',
      'IOMMU walks',
      'CPU0: spin_unlock()',
      'CPU1: fq_ring_free()',
    ]);
  });

  test('K30c: no difference where the lock is a barrier, as on x86; the others are still seen', () => {
    const found = (id: string): boolean =>
      exploreFlushQueue(lockDrains(FLUSH_QUEUE_FAULTS[id]), BOUNDS).wrong !== null;
    expect(['K30', 'K30b', 'K30c'].map(found)).toEqual([true, true, false]);
  });
});

test('longer runs, in which PTEs are read again behind a flush and IOVAs are used again', () => {
  let readAgain = 0;
  let reused = 0;
  fc.assert(
    fc.property(flushQueueOps, (ops) => {
      const outcome = runFlushQueue(ops, FLUSH_QUEUE);
      expect(outcome.wrong).toBeNull();
      if (outcome.readAgain) readAgain++;
      if (outcome.reused > 0) reused++;
    }),
    { seed: 7, numRuns: 2000 },
  );
  expect(Math.min(readAgain, reused)).toBeGreaterThan(100);
});
