#!/usr/bin/env node
// Starts the command line: the sources as they are in a checkout, dist/ in an installed package. Plain JavaScript.
// It runs in a thread of its own: a search never gives way to its event loop, so that only another thread hears of ^C.

import { existsSync } from 'node:fs';
import { isatty } from 'node:tty';
import { Worker, isMainThread, parentPort } from 'node:worker_threads';

const source = new URL('../cli/main.ts', import.meta.url);
const STDERR = 2;
const INTERRUPTED = 130;

/** Statuses are listed in `gmem-conform --help`; 4 is a bug of the suite. */
const BUG = 4;

function report(error) {
  const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  process.stderr.write(
    `gmem-conform: a bug of the suite: ${what.split('\n')[0]}\n` +
      'Please report it with the command line, the version of Node and the output of the same run with GMEM_DEBUG=1.\n',
  );
  if (process.env.GMEM_DEBUG === '1') console.error(error);
}

async function run() {
  try {
    if (existsSync(source)) {
      const { register } = await import('tsx/esm/api');
      register();
    }
    const { main } = await import(existsSync(source) ? source.href : '../dist/cli/main.js');
    return await main(process.argv.slice(2));
  } catch (error) {
    report(error);
    return BUG;
  }
}

function listen() {
  const interrupts = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const worker = new Worker(new URL(import.meta.url), {
    argv: process.argv.slice(2),
    workerData: { gmemConform: { interrupts, terminal: isatty(STDERR) } },
  });
  worker.on('message', (status) => {
    process.exitCode = status;
  });
  worker.on('error', (error) => {
    report(error);
    process.exitCode = BUG;
  });
  /* the first one asks for what was found, the second one does not wait for it */
  process.on('SIGINT', () => {
    if (Atomics.add(interrupts, 0, 1) > 0) process.exit(INTERRUPTED);
  });
  /* whoever reads has read enough; the status is for somebody else */
  process.stdout.on('error', (error) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

if (isMainThread) listen();
else parentPort.postMessage(await run());
