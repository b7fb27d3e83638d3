// The canaries, one half: each planted fault is caught by the invariant that it names in as few calls as pinned,
// and not by the base alone. Rates and lengths are pinned in faults.json (npm run faults-baseline).

import { describe, expect, test } from 'vitest';
import { HALVES, judgeCanary, pinnedFault } from '../tests/canaries.ts';

describe.each(HALVES[0].map((policy) => [policy.name, policy] as const))('%s', (name, policy) => {
  test(`is caught by ${policy.planted?.invariant ?? 'nothing'}`, () => {
    expect(pinnedFault(name)?.caught).toBe(true);
    expect(judgeCanary(policy)).toEqual({ atCalls: true, below: false, base: false });
  });
});
