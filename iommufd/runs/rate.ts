// What `npm run bench:iommufd` runs: each returns how many operations it has done.

import fc from 'fast-check';
import { batchArbitrary } from '../arbitraries/batch.ts';
import { sequenceArbitrary } from '../arbitraries/sequence.ts';
import { LINUX_7_2_REPAIRED } from '../model/repaired.ts';
import { runBatch } from './batch-run.ts';
import { runSequence } from './run.ts';

const SEED = 20260225;

export function batches(runs: number): number {
  let ops = 0;
  fc.assert(
    fc.property(batchArbitrary, (data) => {
      ops += data.ops.length;
      return runBatch(data) === null;
    }),
    { seed: SEED, numRuns: runs },
  );
  return ops;
}

export function sequences(runs: number): number {
  let ops = 0;
  fc.assert(
    fc.property(sequenceArbitrary(), (data) => {
      ops += data.ops.length;
      return runSequence(data, LINUX_7_2_REPAIRED).violations.length === 0;
    }),
    { seed: SEED, numRuns: runs },
  );
  return ops;
}

/** Drawn before, so that the batch alone is measured. */
export function drawnBatches(runs: number): () => number {
  const drawn = fc.sample(batchArbitrary, { seed: SEED, numRuns: runs });
  return () => {
    for (const data of drawn) if (runBatch(data) !== null) throw new Error('pfn_batch differs');
    return drawn.reduce((sum, { ops }) => sum + ops.length, 0);
  };
}
