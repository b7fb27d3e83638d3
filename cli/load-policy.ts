// Loads policies of the user's own: files lying anywhere, in a folder with or without node_modules or
// package.json.

import { realpathSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { apiFile } from './root.ts';
import { loader, problemInChild } from './trial.ts';

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
  /** It was loaded in another thread of this process. */
  readonly tried?: boolean;
}

const LOAD_MILLISECONDS = 10_000;

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

/**
 * Imports a policy file. `gmem-iommu-conformance/api` is the running copy's, relative imports may leave out
 * extensions or write .js for .ts, everything is an ES module. Loads it in a child process first, so that a
 * file that never ends, exits or crashes costs a message only; the child gets it compiled. Throws PolicyLoadError.
 */
export async function loadPolicyModule(path: string, options: LoadOptions = {}): Promise<unknown> {
  const file = policyFile(path);
  const { compile, importPolicy } = loader();
  const read = await compile(file);
  if ('problem' in read) throw new PolicyLoadError(read.problem);
  const milliseconds = options.milliseconds ?? LOAD_MILLISECONDS;
  const problem = options.tried === true ? null : await problemInChild(file, read.compiled, milliseconds);
  if (problem !== null) throw new PolicyLoadError(problem);
  const found = await importPolicy(file, apiFile(), read.compiled);
  if ('problem' in found) throw new PolicyLoadError(found.problem);
  return found.module;
}

/** `file:line:column` where the policy threw, also after loading; null where the stack does not tell. */
export function placeInPolicy(error: unknown): string | null {
  return loader().placeOf(error);
}

function looksLikePolicy(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'name' in value && typeof value.name === 'string';
}

/**
 * What a policy module offers: its default export (one policy or a list of them), else every named export that has a
 * name.
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
