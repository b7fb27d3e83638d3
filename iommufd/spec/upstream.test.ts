// Linux 7.2 on generated sequences: with the weaknesses that this level has found in it repaired nothing is left.
// rows.test.ts shows each of them.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fileSequenceArbitrary, sequenceArbitrary } from '../arbitraries/sequence.ts';
import { LINUX_7_2_REPAIRED } from '../model/repaired.ts';
import { runSequence } from '../runs/run.ts';

const SEED = 20260225;

describe('Linux 7.2', () => {
  test('holds every invariant on generated sequences, but for the weaknesses repaired', () => {
    fc.assert(
      fc.property(sequenceArbitrary(), (data) => {
        expect(runSequence(data, LINUX_7_2_REPAIRED).violations).toEqual([]);
      }),
      { seed: SEED, numRuns: 600 },
    );
  });

  test('holds every invariant on files', () => {
    fc.assert(
      fc.property(fileSequenceArbitrary(), (data) => {
        expect(runSequence(data, LINUX_7_2_REPAIRED).violations).toEqual([]);
      }),
      { seed: SEED, numRuns: 200 },
    );
  });
});
