// Writes properties/known/coverage.json, which the tests compare with and a reviewer reads as a diff: npm run coverage.

import { writeFileSync } from 'node:fs';
import { coverage } from '../properties/known/coverage.ts';

const CALLS = 4;

writeFileSync(
  new URL('../properties/known/coverage.json', import.meta.url),
  `${JSON.stringify(coverage(CALLS), null, 2)}\n`,
);
