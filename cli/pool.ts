// A worker thread that searches halves, one after the other, while this thread searches others. Neither gives way to
// its event loop: tasks and results go through a port, who has which of them through shared memory.

import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { type MessagePort, MessageChannel, Worker, receiveMessageOnPort } from 'node:worker_threads';
import type { Tally, Running, Wanted } from '../properties/halves.ts';
import { packageRoot } from './root.ts';

/** What is to be searched, in words that can be sent. */
export interface Task {
  readonly policy: string;
  readonly file: string | null;
  /** Names of the keys to judge; null: all. */
  readonly only: readonly string[] | null;
  readonly wanted: Wanted;
}

/** A task on its way to the worker. */
export interface Sent extends Task {
  readonly id: number;
  /** It is waited for: before those that are searched ahead. */
  readonly urgent: boolean;
}

/** What the worker is started with. All arrays are shared; the last two are by the number of a task. */
export interface Link {
  readonly port: MessagePort;
  readonly flags: Int32Array;
  readonly states: Int32Array;
  readonly told: Int32Array;
}

/** Of Link.flags. Both count up: tasks that were sent, and signs of life. */
export const FLAG = { sent: 0, beats: 1 } as const;
/** Of Link.states: who has a task. Of those that wait, the worker makes `runs` and this thread `taken`. */
export const STATE = { waits: 0, runs: 1, taken: 2, done: 3, failed: 4 } as const;
const TASKS_MAX = 4096;

const LOOK_MS = 100;
/* A thread out of memory ends without a word; one that is told to stop says what it has, if it has begun. */
const SILENT_MS = 60_000;
const STOP_MS = 2000;

interface Entry {
  readonly id: number;
  readonly key: string;
  /** Searches it in this thread; null where whoever asks does so. */
  readonly here: (() => Tally) | null;
  tally: Tally | null;
}

export interface Pool {
  /** A search that is known already is not started again. Null: it is to be made here. */
  readonly start: (task: Task) => Running | null;
  readonly known: (task: Task) => Running | null;
  /** Will be asked for later: searched by whoever has nothing better to do. */
  readonly ahead: (task: Task, here: () => Tally) => void;
  /** Tasks that nobody has begun with. */
  readonly waiting: () => number;
  readonly close: () => void;
}

const shared = (length: number): Int32Array =>
  new Int32Array(new SharedArrayBuffer(length * Int32Array.BYTES_PER_ELEMENT));

interface Connected {
  readonly worker: Worker;
  readonly port: MessagePort;
}

function connect(link: Omit<Link, 'port'>): Connected {
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker(join(packageRoot(), 'cli', 'start-worker.mjs'), {
    workerData: { ...link, port: port2 } satisfies Link,
    transferList: [port2],
    execArgv: [],
    /* what a policy prints while it is loaded is printed by this thread already */
    stdout: true,
    stderr: true,
  });
  worker.unref();
  port1.unref();
  /* it is known by its silence */
  worker.on('error', () => {});
  return { worker, port: port1 };
}

/** Where there is one core only it starts nothing. The worker comes with the first task. */
export function openPool(cores = availableParallelism()): Pool {
  const [flags, states, told] = [shared(2), shared(TASKS_MAX), shared(TASKS_MAX)];
  const entries: Entry[] = [];
  const byKey = new Map<string, Entry>();
  let connected: Connected | null = null;
  let ended = cores < 2;

  const take = ({ id }: Entry): boolean =>
    Atomics.compareExchange(states, id, STATE.waits, STATE.taken) === STATE.waits;
  const close = (): void => {
    ended = true;
    connected?.port.close();
    void connected?.worker.terminate();
    connected = null;
  };
  const send = (task: Task, urgent: boolean, here: Entry['here']): Entry | null => {
    if (ended || entries.length === TASKS_MAX) return null;
    connected ??= connect({ flags, states, told });
    const entry: Entry = { id: entries.length, key: JSON.stringify(task), here, tally: null };
    entries.push(entry);
    byKey.set(entry.key, entry);
    connected.port.postMessage({ ...task, id: entry.id, urgent } satisfies Sent);
    Atomics.add(flags, FLAG.sent, 1);
    Atomics.notify(flags, FLAG.sent);
    return entry;
  };
  const receive = (): void => {
    for (;;) {
      const found: { readonly message: { readonly id: number; readonly tally: Tally } } | undefined =
        connected === null ? undefined : receiveMessageOnPort(connected.port);
      if (found === undefined) return;
      entries[found.message.id].tally = found.message.tally;
    }
  };
  /** Searches one that nobody has begun. False: there is none. */
  const help = (): boolean => {
    const entry = entries.find((each) => each.here !== null && each.tally === null && take(each));
    if (entry === undefined) return false;
    let made: number = STATE.failed;
    try {
      entry.tally = entry.here?.() ?? null;
      made = STATE.done;
    } catch {
      /* whatever goes wrong here goes wrong again, and with words, where it is asked for */
    }
    Atomics.store(states, entry.id, made);
    return true;
  };
  /** Until nobody runs it: done, failed, silent for too long, or taken here. */
  const wait = (entry: Entry, stop: () => boolean): void => {
    let beats = Atomics.load(flags, FLAG.beats);
    let most = SILENT_MS;
    for (let silent = 0; !ended && !take(entry) && Atomics.load(states, entry.id) === STATE.runs;) {
      const stopped = stop();
      if (!stopped && help()) continue;
      if (stopped) {
        Atomics.store(told, entry.id, 1);
        most = STOP_MS;
      }
      Atomics.wait(states, entry.id, STATE.runs, LOOK_MS);
      const now = Atomics.load(flags, FLAG.beats);
      silent = now === beats ? silent + LOOK_MS : 0;
      beats = now;
      if (silent > most) close();
    }
  };
  const running = (entry: Entry): Running => ({
    result: (stop) => {
      wait(entry, stop);
      receive();
      if (byKey.get(entry.key) === entry) byKey.delete(entry.key);
      const { tally } = entry;
      entry.tally = null;
      return tally;
    },
    stop: () => {
      byKey.delete(entry.key);
      if (!take(entry)) Atomics.store(told, entry.id, 1);
    },
  });
  const known: Pool['known'] = (task) => {
    const entry = byKey.get(JSON.stringify(task));
    return entry === undefined ? null : running(entry);
  };
  return {
    known,
    start: (task) => {
      const entry = byKey.get(JSON.stringify(task)) ?? send(task, true, null);
      return entry === null ? null : running(entry);
    },
    ahead: (task, here) => {
      if (!byKey.has(JSON.stringify(task))) send(task, false, here);
    },
    waiting: () => entries.filter(({ id }) => Atomics.load(states, id) === STATE.waits).length,
    close,
  };
}
