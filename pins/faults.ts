// Writes properties/known/faults.json: what catches each planted fault, how short, how often sampling finds it.
// All of them take a quarter of an hour: npm run faults-baseline; npm run faults-baseline NAME ... judges those named
// alone. Without the reductions, so that the reduced search of the tests is held against it.

import { readFileSync, writeFileSync } from 'node:fs';
import type { FaultResult } from '../models/results.ts';
import { BROKEN } from '../policies/broken/index.ts';
import { SEEDS, judgeFault } from '../properties/known/faults.ts';

const file = new URL('../properties/known/faults.json', import.meta.url);
const named = process.argv.slice(2);
const pinned = JSON.parse(readFileSync(file, 'utf8')) as readonly FaultResult[];
const results = BROKEN.map((policy) => {
  const known = pinned.find(({ name }) => name === policy.name);
  return known === undefined || named.length === 0 || named.includes(policy.name)
    ? judgeFault(policy, SEEDS)
    : known;
});
writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`);
