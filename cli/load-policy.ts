// Loads policies of the user's own: files lying anywhere, in a folder with or without node_modules or
// package.json.

import { fork } from 'node:child_process';
import { realpathSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { apiFile, packageRoot } from './root.ts';

/**
 * A policy file cannot be loaded. The message is one sentence for the user; there is no stack worth printing.
 */
export class PolicyLoadError extends Error {
  override readonly name = 'PolicyLoadError';

  constructor(message: string) {
    super(message);
    this.stack = `${this.name}: ${message}`;
  }
}

export interface LoadOptions {
  /** Wall-clock time that loading may take; more means that it never ends. */
  readonly milliseconds?: number;
}

interface Loader {
  readonly importPolicy: (
    file: string,
    api: string,
  ) => Promise<{ readonly module: unknown } | { readonly problem: string }>;
  readonly placeOf: (error: unknown) => string | null;
  readonly register: (api: string) => Promise<unknown>;
}

const LOAD_MILLISECONDS = 10_000;
const HEAP_MEGABYTES = 1024;

const loaderFile = join(packageRoot(), 'cli', 'policy-loader.cjs');

function loader(): Loader {
  return createRequire(import.meta.url)(loaderFile) as Loader;
}

/** Checks what can be seen without running anything; gives the file with symbolic links resolved. */
function policyFile(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) throw new PolicyLoadError(`${path}: no such file`);
  if (!stat.isFile()) throw new PolicyLoadError(`${path}: not a file; name the policy's own file`);
  if (!/\.m?[jt]s$/.test(path))
    throw new PolicyLoadError(
      `${path}: a policy is an ES module in a file that ends in .ts, .mts, .js or .mjs`,
    );
  return realpathSync(resolve(path));
}

/** Loads the file in a process that can be killed, and says what went wrong there; null when nothing did. */
function problemInChild(file: string, milliseconds: number): Promise<string | null> {
  return new Promise((settle) => {
    const child = fork(loaderFile, [apiFile(), file], {
      execArgv: [`--max-old-space-size=${HEAP_MEGABYTES}`],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    let late = false;
    let answer: string | null | undefined;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, milliseconds);
    child.on('message', (message: { readonly problem: string | null }) => {
      answer = message.problem;
    });
    child.on('error', (error) => {
      clearTimeout(timer);
      settle(`${file}: could not be tried in a process of its own: ${error.message}`);
    });
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      if (answer !== undefined) settle(answer);
      else if (late)
        settle(
          `${file}: did not finish loading within ${milliseconds} ms of wall-clock time; ` +
            'look for a loop at the top level of the file (protocol code belongs into functions)',
        );
      else if (signal === 'SIGABRT')
        settle(`${file}: took more than ${HEAP_MEGABYTES} MB of memory, or crashed, while it was loaded`);
      else
        settle(
          `${file}: ended the process while it was loaded (${signal ?? `exit status ${status ?? 'unknown'}`})`,
        );
    });
  });
}

/**
 * Imports a policy file. `gmem-iommu-conformance/api` is the running copy's, relative imports may leave out
 * extensions or write .js for .ts, everything is an ES module. Loads it in a child process first, so that a
 * file
 * that never ends, exits or crashes costs a message only. Throws PolicyLoadError.
 */
export async function loadPolicyModule(path: string, options: LoadOptions = {}): Promise<unknown> {
  const file = policyFile(path);
  const problem = await problemInChild(file, options.milliseconds ?? LOAD_MILLISECONDS);
  if (problem !== null) throw new PolicyLoadError(problem);
  const found = await loader().importPolicy(file, apiFile());
  if ('problem' in found) throw new PolicyLoadError(found.problem);
  return found.module;
}

/**
 * From here on `gmem-iommu-conformance/api` is the running copy's also for plain `import()`, as of a file
 * dropped
 * into policies/.
 */
export async function registerApi(): Promise<void> {
  await loader().register(apiFile());
}

/** `file:line:column` where the policy threw, also after loading; null where the stack does not tell. */
export function placeInPolicy(error: unknown): string | null {
  return loader().placeOf(error);
}

function looksLikePolicy(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'name' in value && typeof value.name === 'string';
}

/**
 * What a policy module offers: its default export (one policy or a list of them), else every named export
 * that has
 * a name.
 */
export function pickPolicies(module: unknown): unknown[] {
  if (typeof module !== 'object' || module === null) return [];
  const { default: main, ...named } = module as {
    readonly default?: unknown;
    readonly [name: string]: unknown;
  };
  if (Array.isArray(main)) return main.filter(looksLikePolicy);
  if (looksLikePolicy(main)) return [main];
  return [...new Set(Object.values(named).filter(looksLikePolicy))];
}
