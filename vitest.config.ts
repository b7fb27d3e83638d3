// Tests lie beside what they test, and in tests/. Two forks: the machines that judge a protocol change have
// two cores.

import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/* .ci/run counts from this file; see there. */
const json = process.env['GMEM_VITEST_JSON'];

export default defineConfig({
  resolve: {
    alias: { 'gmem-iommu-conformance/api': fileURLToPath(new URL('./api/index.ts', import.meta.url)) },
  },
  test: {
    include: ['arbitraries', 'bench', 'cli', 'properties', 'reports', 'tests'].map(
      (dir) => `${dir}/**/*.test.ts`,
    ),
    pool: 'forks',
    /* one module graph a fork: the models are read in once, not once a file */
    isolate: false,
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    reporters: json === undefined ? ['default'] : ['default', ['json', { outputFile: json }]],
  },
});
