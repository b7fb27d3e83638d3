// Writes properties/known/faults.json: what catches each planted fault, how short, how often sampling finds it.
// Takes a quarter of an hour: npm run faults-baseline. Without the reductions, so that the reduced search
// of the tests is held against it.

import { writeFileSync } from 'node:fs';
import { BROKEN } from '../policies/broken/index.ts';
import { SEEDS, judgeFault } from '../properties/known/faults.ts';

const file = new URL('../properties/known/faults.json', import.meta.url);
const results = BROKEN.map((policy) => judgeFault(policy, SEEDS));
writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`);
