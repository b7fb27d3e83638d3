// Hunts every row of docs/iommufd.md anew and writes iommufd/faults/traces.json and the tables of the page:
// `npm run iommufd`. Takes a minute or two; the tests replay what it wrote.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../cli/root.ts';
import { huntAll } from '../iommufd/runs/campaign.ts';
import { type TraceFile, withTables } from '../iommufd/documents/tables.ts';

const SEED = 20260225;
const file = join(packageRoot(), 'iommufd/faults/traces.json');
const page = join(packageRoot(), 'docs/iommufd.md');

if (process.argv.includes('--hunt')) {
  const traces = huntAll(SEED, (line) => {
    process.stderr.write(`${line}\n`);
  });
  const body = traces.map((trace) => `    ${JSON.stringify(trace)}`).join(',\n');
  writeFileSync(file, `{\n  "seed": ${SEED},\n  "traces": [\n${body}\n  ]\n}\n`);
}
const traces = JSON.parse(readFileSync(file, 'utf8')) as TraceFile;
writeFileSync(page, withTables(readFileSync(page, 'utf8'), traces));
