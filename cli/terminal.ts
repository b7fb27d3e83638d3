// What the thread that started this one knows of the terminal, see bin/gmem-conform.js.

import { workerData } from 'node:worker_threads';

interface Given {
  /** How often ^C was pressed. */
  readonly interrupts: Int32Array;
  /** Standard error is a terminal. */
  readonly terminal: boolean;
}

const given = (workerData as { readonly gmemConform?: Given } | null)?.gmemConform;

export const interrupted = (): boolean => given !== undefined && Atomics.load(given.interrupts, 0) > 0;

export const isTerminal = (): boolean => given?.terminal === true;
