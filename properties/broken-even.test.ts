// The canaries, one half: each planted fault is caught by the invariant that it names in as few calls as pinned,
// and not by the base alone. Rates and lengths are pinned in faults.json (npm run faults-baseline).

import { describe, expect, test } from 'vitest';
import { judgeCanary, pinnedFault } from '../tests/canaries.ts';
import { BROKEN } from '../policies/broken/index.ts';

const half = BROKEN.filter((_, k) => k % 2 === 0);

describe.each(half.map((policy) => [policy.name, policy] as const))('%s', (name, policy) => {
  test(`is caught by ${policy.planted?.invariant ?? 'nothing'}`, () => {
    expect(pinnedFault(name)?.caught).toBe(true);
    expect(judgeCanary(policy)).toEqual({ atCalls: true, below: false, base: false });
  });
});
