// The verdicts of the platforms that hang on an assumption.

import { describe, expect, test } from 'vitest';
import { assumptions } from '../bounds.ts';
import type { DmaCase, PageClass } from '../platforms/outcomes.ts';
import { sevSnpVerdicts } from '../platforms/sev-snp.ts';

describe('a trusted device at a page of the guest, before PVALIDATE', () => {
  const of = (page: PageClass, leaf: DmaCase['leaf'], faults: boolean): string =>
    sevSnpVerdicts(assumptions({ 'snp.dma-to-unvalidated-faults': faults }))({
      page,
      leaf,
      trusted: true,
      private: true,
      write: true,
    });

  test.each([
    ['private unaccepted', '4K'],
    ['private unaccepted 2M', '2M'],
  ] as const)('%s, leaf of the same size %s', (page, leaf) => {
    expect(of(page, leaf, true)).toBe('contained fault');
    expect(of(page, leaf, false)).toBe('ok');
  });

  test.each([
    ['private unaccepted', '2M'],
    ['private unaccepted 2M', '4K'],
  ] as const)('%s, leaf of another size %s: RMP.pagesize is checked by itself', (page, leaf) => {
    expect(of(page, leaf, true)).toBe('contained fault');
    expect(of(page, leaf, false)).toBe('contained fault');
  });
});
