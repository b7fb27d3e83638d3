// Tests lie beside what they test, and in tests/. Two forks: the machines that judge a protocol change have
// two cores.

import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/* .ci/run counts from this file; see there. */
const json = process.env['GMEM_VITEST_JSON'];

/* Each fork takes one half of the list: the searches, which take longest, are spread over both. */
const FIRST = /(baseline|known\/faults|packaging|token-replay)\.test\.ts$/;
const LAST = /(reduction|docs|cli|rfc-v2|upstream)\.test\.ts$/;

class SpreadLongest extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number =>
      FIRST.test(moduleId) ? 0 : LAST.test(moduleId) ? 2 : 1;
    const sorted = await super.sort(files);
    return [0, 1, 2].flatMap((wanted) => sorted.filter((file) => rank(file) === wanted));
  }
}

export default defineConfig({
  test: {
    include: ['**/*.test.ts'],
    exclude: ['**/node_modules/**', 'dist/**'],
    pool: 'forks',
    /* one module graph a fork: the models are read in once, not once a file */
    isolate: false,
    maxWorkers: 2,
    /*
     * The files are run as Node runs them for the command line, through tsx: Vite's module runner reaches each import
     * through an object, which costs the searches a third. Two forks fill two cores: no compilers beside them.
     */
    experimental: { viteModuleRunner: false, nodeLoader: false },
    execArgv: ['--import', 'tsx', '--single-threaded'],
    sequence: { sequencer: SpreadLongest },
    testTimeout: 120_000,
    hookTimeout: 120_000,
    reporters: json === undefined ? ['default'] : ['default', ['json', { outputFile: json }]],
  },
});
