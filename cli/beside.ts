// Part of a search on another core, in a worker thread. This thread searches the rest meanwhile and then waits, both
// without giving way to the event loop: what the worker says comes through shared memory and a port.

import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { type MessagePort, MessageChannel, Worker, receiveMessageOnPort } from 'node:worker_threads';
import { none } from '../policies/none.ts';
import type { Beside, Part, Running, Wanted } from '../properties/parts.ts';
import type { Named } from './policies.ts';
import { packageRoot } from './root.ts';

/** What the worker is given. */
export interface Task {
  readonly policy: string;
  readonly file: string | null;
  /** Names of the keys to judge; null: all. */
  readonly only: readonly string[] | null;
  readonly wanted: Wanted;
  readonly port: MessagePort;
  readonly flags: Int32Array;
}

/** Of Task.flags. */
export const FLAG = { ended: 0, stop: 1, beats: 2 } as const;
/** Of the flag `ended`: 0 while it runs. */
export const ENDED = { done: 1, failed: 2 } as const;
const FLAGS = 3;

const LOOK_MS = 100;
/* A thread out of memory ends without a word; one that is told to stop says what it has, if it has begun. */
const SILENT_MS = 60_000;
const STOP_MS = 2000;

function resultOf(worker: Worker, port: MessagePort, flags: Int32Array, stop: () => boolean): Part | null {
  let beats = Atomics.load(flags, FLAG.beats);
  let most = SILENT_MS;
  for (let silent = 0; Atomics.load(flags, FLAG.ended) === 0; silent += LOOK_MS) {
    Atomics.wait(flags, FLAG.ended, 0, LOOK_MS);
    if (stop()) {
      Atomics.store(flags, FLAG.stop, 1);
      most = STOP_MS;
    }
    const now = Atomics.load(flags, FLAG.beats);
    if (now !== beats) silent = 0;
    beats = now;
    if (silent > most) break;
  }
  const found: { readonly message: Part } | undefined = receiveMessageOnPort(port);
  port.close();
  void worker.terminate();
  return Atomics.load(flags, FLAG.ended) === ENDED.done && found !== undefined ? found.message : null;
}

function start({ policy, file }: Named, only: Task['only'], wanted: Wanted): Running {
  const flags = new Int32Array(new SharedArrayBuffer(FLAGS * Int32Array.BYTES_PER_ELEMENT));
  const { port1, port2 } = new MessageChannel();
  const task: Task = { policy: policy.name, file: file ?? null, only, wanted, port: port2, flags };
  const worker = new Worker(join(packageRoot(), 'cli', 'part-worker.mjs'), {
    workerData: task,
    transferList: [port2],
    execArgv: [],
    /* what a policy prints while it is loaded is printed by this thread already */
    stdout: true,
    stderr: true,
  });
  worker.unref();
  /* it is known by the flag that never comes */
  worker.on('error', () => {});
  return {
    result: (stop) => resultOf(worker, port1, flags, stop),
    stop: () => {
      port1.close();
      void worker.terminate();
    },
  };
}

/** Searches of the policy, part of each on another core where there is one. */
export function besideOf(
  named: Named,
  only: readonly { readonly name: string }[] | undefined,
): { readonly beside?: Beside } {
  if (availableParallelism() < 2) return {};
  const names = only?.map(({ name }) => name) ?? null;
  const base: Named = { policy: none, bundled: true };
  return {
    beside: (wanted) => (wanted.base === true ? start(base, null, wanted) : start(named, names, wanted)),
  };
}
