// State coverage against its baseline: which combinations of page state are reached, in how few calls, and why
// the others cannot be: npm run coverage, and say in the commit why the new table is right.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { BASES } from '../../models/bounds.ts';
import { CELLS, type Coverage, cellName, coverageConfig, reachedCells, reasonFor } from './coverage.ts';

/* The rest of the table needs three and four calls: npm run coverage. */
const CALLS = 2;

const pinned = JSON.parse(readFileSync(new URL('./coverage.json', import.meta.url), 'utf8')) as Coverage;

test.each(BASES)('%s: cells within two calls are those of the baseline', (base) => {
  const cells = pinned[base] ?? {};
  const reached = reachedCells(coverageConfig(base, CALLS));
  const here = CELLS.filter((_, k) => reached[k]).map(cellName);
  const there = Object.keys(cells).filter((name) => typeof cells[name] === 'number' && cells[name] <= CALLS);
  expect(here).toEqual(there);
});

test.each(BASES)('%s: a cell is reached, or there is a reason why it cannot be', (base) => {
  const cells = pinned[base] ?? {};
  expect(Object.keys(cells)).toEqual(CELLS.map(cellName));
  for (const cell of CELLS) {
    const found = cells[cellName(cell)];
    expect(typeof found === 'number' ? null : found, cellName(cell)).toBe(reasonFor(cell, base));
  }
});
