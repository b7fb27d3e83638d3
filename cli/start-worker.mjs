// Starts worker.ts in a worker thread: the sources as they are in a checkout, dist/ in an installed package.

import { existsSync } from 'node:fs';
import { workerData } from 'node:worker_threads';

const source = new URL('./worker.ts', import.meta.url);
if (existsSync(source)) {
  const { register } = await import('tsx/esm/api');
  register();
}
const { serve } = await import(
  existsSync(source) ? source.href : new URL('../dist/cli/worker.js', import.meta.url).href
);
await serve(workerData);
