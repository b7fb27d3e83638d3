// errno-as-documented, one caller: every call of uapi/model against its table, with arguments at the edges.

import { describe, expect, test } from 'vitest';
import { FAULTS } from './faults.ts';
import { type Campaign, CALLS } from './suite.ts';

const SEED = 72;
const RUNS = 2000;

const campaigns = CALLS.flatMap((judged) =>
  judged.table.bases.map((base) => ({ judged, base, name: judged.name })),
);

describe.each(campaigns)('$name on $base', ({ judged, base }) => {
  const rows = judged.table.rows.filter(({ ret }) => ret[base] !== undefined);
  let seen: Campaign | undefined;
  const campaign = (): Campaign => (seen ??= judged.run(base, SEED, rows.length > 1 ? RUNS : 50));

  test('returns what the first row that holds says', () => {
    expect(campaign().breach).toBeNull();
  });

  test('sometimes: each row decides', () => {
    const { hits } = campaign();
    const never = judged.table.rows.filter(
      ({ ret }, number) => ret[base] !== undefined && hits[number] === 0,
    );
    expect(never.map(({ says }) => says)).toEqual([]);
  });

  test('sometimes: rows with different errnos hold at once', () => {
    if (rows.length > 1) expect(campaign().ordered).toBeGreaterThan(RUNS / 20);
  });
});

test.each(FAULTS)('planted: $name on $base is caught', ({ base, judged }) => {
  const { breach } = judged.run(base, SEED, RUNS);
  expect(breach).not.toBeNull();
  expect(breach).toMatchSnapshot();
});
