// The rows of the platforms: verdicts that hang on an assumption, and what is stated twice.

import { describe, expect, test } from 'vitest';
import { ASSUMPTIONS, FAILURES, PLATFORMS, assumptions, boundsOf } from '../bounds.ts';
import { platformTables } from '../platforms/arch.ts';
import { platformOf } from '../platforms/index.ts';
import { type DmaCase, OUTCOMES, PAGE_CLASS, type PageClass, dmaIndex } from '../platforms/outcomes.ts';
import { sevSnp } from '../platforms/sev-snp.ts';

describe('a trusted device at a page of the guest, before PVALIDATE', () => {
  const of = (page: PageClass, leaf: DmaCase['leaf'], faults: boolean): string =>
    sevSnp.verdicts(assumptions({ 'snp.dma-to-unvalidated-faults': faults }))({
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

describe.each(PLATFORMS)('%s', (platform) => {
  const row = platformOf({ platform });

  test('what its row says of a mistake is what its verdicts say', () => {
    const config = { base: 'rfc-v2', platform, vmm: 'adversarial', device: null, fail: null } as const;
    const { checked } = platformTables({ ...config, bounds: boundsOf('quick'), assumptions: assumptions() });
    const outcome = OUTCOMES[checked[dmaIndex(PAGE_CLASS['private 4K'], 0, 0, 0, 1)]];
    const mistake = { 'contained fault': 'contained', 'host fatal': 'machine check' }[String(outcome)];
    expect(mistake ?? 'unnoticed').toBe(row.mistakes.sharedDma);
  });

  test('its assumptions and failures are in the lists that tokens number', () => {
    expect(ASSUMPTIONS).toEqual(expect.arrayContaining([...row.assumptions]));
    expect(FAILURES).toEqual(expect.arrayContaining([...row.failures]));
  });
});
