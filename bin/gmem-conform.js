#!/usr/bin/env node
// Starts the command line: the sources as they are in a checkout, dist/ in an installed package. Plain JavaScript.

import { existsSync } from 'node:fs';

const source = new URL('../cli/main.ts', import.meta.url);

/** Statuses are listed in `gmem-conform --help`; 4 is a bug of the suite. */
const BUG = 4;

try {
  if (existsSync(source)) {
    const { register } = await import('tsx/esm/api');
    register();
    const { main } = await import(source.href);
    process.exitCode = await main(process.argv.slice(2));
  } else {
    const { main } = await import('../dist/cli/main.js');
    process.exitCode = await main(process.argv.slice(2));
  }
} catch (error) {
  const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  process.stderr.write(
    `gmem-conform: a bug of the suite: ${what.split('\n')[0]}\n` +
      'Please report it with the command line, the version of Node and the output of the same run with GMEM_DEBUG=1.\n',
  );
  if (process.env.GMEM_DEBUG === '1') console.error(error);
  process.exitCode = BUG;
}
