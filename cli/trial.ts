// Loads a policy file in a child process first: one that can be killed, and that may crash.

import { type ChildProcess, fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { apiFile, packageRoot } from './root.ts';

/** Modules as they are run: URL and text. */
export type Compiled = readonly (readonly [string, string])[];

interface Problem {
  readonly problem: string;
}

const loaderFile = join(packageRoot(), 'cli', 'policy-loader.cjs');

const HEAP_MEGABYTES = 1024;

interface Loader {
  readonly compile: (file: string) => Promise<{ readonly compiled: Compiled } | Problem>;
  readonly compileApi: (api: string) => Promise<Compiled>;
  readonly importPolicy: (
    file: string,
    api: string,
    compiled: Compiled,
  ) => Promise<{ readonly module: unknown } | Problem>;
  readonly placeOf: (error: unknown) => string | null;
}

export function loader(): Loader {
  return createRequire(import.meta.url)(loaderFile) as Loader;
}

interface Answer {
  readonly problem: string | null;
  /** It can be given another file. */
  readonly again?: true;
}

/* Has loaded what it was given, and waits for more. It ends by itself. Undefined: there was none yet. */
let idle: ChildProcess | null | undefined;

function takeIdle(): ChildProcess | null {
  const child = idle;
  if (child) idle = null;
  if (child?.connected !== true) return null;
  child.ref();
  child.channel?.ref();
  return child;
}

function putBack(child: ChildProcess): void {
  for (const event of ['message', 'error', 'close']) child.removeAllListeners(event);
  child.on('error', () => {});
  child.unref();
  child.channel?.unref();
  if (idle === undefined) process.once('exit', () => idle?.kill('SIGKILL'));
  idle = child;
}

type Outcome = Answer | { readonly late: true } | { readonly ended: string } | { readonly error: Error };

function outcomeIn(
  child: ChildProcess,
  file: string,
  compiled: Compiled,
  milliseconds: number,
): Promise<Outcome> {
  return new Promise((settle) => {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, milliseconds);
    const end = (outcome: Outcome): void => {
      clearTimeout(timer);
      settle(outcome);
    };
    child.on('message', (answer: Answer) => {
      if (answer.again === true && !idle) putBack(child);
      else child.kill('SIGKILL');
      end(answer);
    });
    child.on('error', (error) => {
      end({ error });
    });
    child.on('close', (status, signal) => {
      end(late ? { late } : { ended: signal ?? `exit status ${status ?? 'unknown'}` });
    });
    /* where it cannot be sent, the child is gone: 'close' or 'error' */
    child.send({ file, compiled }, () => {});
  });
}

let api: Promise<Compiled> | undefined;

async function outcomeOf(file: string, compiled: Compiled, milliseconds: number): Promise<Outcome> {
  const used = takeIdle();
  if (used !== null) {
    const outcome = await outcomeIn(used, file, compiled, milliseconds);
    if ('late' in outcome || ('problem' in outcome && outcome.problem === null)) return outcome;
  }
  api ??= loader().compileApi(apiFile());
  const withApi = [...(await api), ...compiled];
  const child = fork(loaderFile, [apiFile()], {
    execArgv: [`--max-old-space-size=${HEAP_MEGABYTES}`],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  return outcomeIn(child, file, withApi, milliseconds);
}

/**
 * Loads the file in a process that can be killed, and says what went wrong there; null when nothing did. A child that
 * has loaded other files without a problem is used again; what goes wrong in it is tried again in a new one.
 */
export async function problemInChild(
  file: string,
  compiled: Compiled,
  milliseconds: number,
): Promise<string | null> {
  const outcome = await outcomeOf(file, compiled, milliseconds);
  if ('problem' in outcome) return outcome.problem;
  if ('error' in outcome)
    return `${file}: could not be tried in a process of its own: ${outcome.error.message}`;
  if ('late' in outcome)
    return (
      `${file}: did not finish loading within ${milliseconds} ms of wall-clock time; ` +
      'look for a loop at the top level of the file (protocol code belongs into functions)'
    );
  if (outcome.ended === 'SIGABRT')
    return `${file}: took more than ${HEAP_MEGABYTES} MB of memory, or crashed, while it was loaded`;
  return `${file}: ended the process while it was loaded (${outcome.ended})`;
}
