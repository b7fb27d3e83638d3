// The rows of steps against the lists that are made by hand for other readers.

import { expect, test } from 'vitest';
import { FAILABLE } from '../bounds.ts';
import { STEPS, STEP_NAMES } from '../steps/index.ts';

test('--fail names the steps whose rows say that they fail', () => {
  const named = STEP_NAMES.filter((name) => (FAILABLE as readonly string[]).includes(name));
  expect(STEP_NAMES.filter((name) => STEPS[name].fails)).toEqual(named);
});

test('only a step that may find nothing takes something', () => {
  for (const name of STEP_NAMES) if (STEPS[name].mayFindNothing) expect(STEPS[name].takes).not.toBeNull();
});
