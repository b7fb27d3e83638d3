// Policies by name, or from a file of the user's own, checked for their shape.

import { existsSync } from 'node:fs';
import type { Policy } from '../api/index.ts';
import { PolicyError } from '../engine/errors.ts';
import { BASES } from '../models/bounds.ts';
import { POLICIES } from '../policies/index.ts';
import { none } from '../policies/none.ts';
import { type LoadOptions, loadPolicyModule, pickPolicies } from './load-policy.ts';
import { complain } from './session.ts';
import { UsageError } from './usage.ts';

export interface Named {
  readonly policy: Policy;
  /** Bundled ones have replay tokens. */
  readonly bundled: boolean;
  /** The file it came from. */
  readonly file?: string;
}

/** A hundred files, which are read in where one of them is asked for. */
export async function plantedFaults(): Promise<readonly Policy[]> {
  return (await import('../policies/broken/index.ts')).BROKEN;
}

export async function bundledNamed(name: string): Promise<Policy | undefined> {
  const isIt = (policy: Policy): boolean => policy.name === name;
  return POLICIES.find(isIt) ?? (await plantedFaults()).find(isIt);
}

const isFile = (word: string): boolean => /[\\/]|\.[mc]?[jt]s$/.test(word);

/** What a field is made of; every field of a policy, in the order of messages. */
export const FIELDS = {
  ioas_map_file: 'generator',
  ioas_unmap: 'generator',
  access_page: 'generator',
  invalidate_prepare: 'generator',
  invalidate_start: 'generator',
  invalidate_end: 'generator',
  replaces: 'function',
  dmabuf: 'object',
  name: 'text',
  title: 'text',
  source: 'text',
  base: 'base',
  pins: 'flag',
  own_mutex_class: 'flag',
  registers: 'object',
  planted: 'object',
  vmm: 'object',
} as const satisfies { readonly [K in keyof Required<Policy>]: string };

const isPlainFunction = (value: unknown): boolean =>
  typeof value === 'function' && value.constructor.name !== 'GeneratorFunction';

/** What is wrong with a field that is there; null where nothing is. */
function wrongWith(field: keyof Policy, value: unknown): string | null {
  const kind = FIELDS[field];
  if (kind === 'generator' && isPlainFunction(value))
    return `is a plain function, must be a generator function: write *${field}(range) { ... }`;
  if ((kind === 'generator' || kind === 'function') && typeof value !== 'function')
    return `is ${typeof value}, must be a generator function`;
  if (kind === 'object' && (typeof value !== 'object' || value === null))
    return `is ${JSON.stringify(value)}, must be an object`;
  if (kind === 'flag' && typeof value !== 'boolean')
    return `is ${JSON.stringify(value)}, must be true or false`;
  return null;
}

/** Says what a policy object lacks. Throws PolicyError. */
export function checked(candidate: unknown, file: string): Policy {
  const bad = (what: string): never => {
    throw new PolicyError(`${file}: ${what}; see docs/writing-a-policy.md`);
  };
  if (typeof candidate !== 'object' || candidate === null) return bad('a policy is an object');
  const policy = candidate as Partial<Record<string, unknown>>;
  if (typeof policy.name !== 'string' || !/^[a-z0-9][a-z0-9-]*$/.test(policy.name))
    bad(`policy.name is ${JSON.stringify(policy.name)}, must be kebab-case text`);
  for (const field of ['title', 'source'] as const)
    if (typeof policy[field] !== 'string')
      bad(`policy.${field} is ${JSON.stringify(policy[field])}, must be text`);
  if (!(BASES as readonly unknown[]).includes(policy.base))
    bad(`policy.base is ${JSON.stringify(policy.base)}, must be one of ${BASES.join(', ')}`);
  for (const [field, value] of Object.entries(policy)) {
    if (!Object.hasOwn(FIELDS, field))
      bad(`policy.${field} is no field of a policy; known: ${Object.keys(FIELDS).join(', ')}`);
    const wrong = value === undefined ? null : wrongWith(field as keyof Policy, value);
    if (wrong !== null) bad(`policy.${field} ${wrong}`);
  }
  return candidate as Policy;
}

async function fromFile(file: string, options: LoadOptions): Promise<Named[]> {
  if (!existsSync(file)) throw new UsageError(`${file}: no such file`);
  const module = await loadPolicyModule(file, options);
  const found = pickPolicies(module);
  if (found.length === 0)
    throw new PolicyError(
      `${file}: exports no policy, which is an object with a name; write ` +
        "export const myPolicy: Policy = { name: 'my-policy', ... } (see docs/writing-a-policy.md)",
    );
  const named: Named[] = [];
  for (const candidate of found) {
    const policy = checked(candidate, file);
    named.push({ policy, bundled: false, file });
    if (options.tried === true) continue;
    if (policy.name === none.name)
      throw new PolicyError(
        `${file}: policy.name is '${none.name}', which means no policy at all; choose another name`,
      );
    if ((await bundledNamed(policy.name)) !== undefined)
      complain(`${file}: a bundled policy is named '${policy.name}' too; this is about the one of the file`);
  }
  return named;
}

/** The policies that the words name; all bundled proposals for no word at all. */
export async function policiesOf(words: readonly string[], options: LoadOptions = {}): Promise<Named[]> {
  if (words.length === 0) return POLICIES.map((policy) => ({ policy, bundled: true }));
  const found: Named[] = [];
  for (const word of words) {
    if (isFile(word)) {
      found.push(...(await fromFile(word, options)));
      continue;
    }
    const policy = await bundledNamed(word);
    if (policy === undefined)
      throw new UsageError(
        `there is no policy '${word}'; known: ${POLICIES.map(({ name }) => name).join(', ')}; a file of your own is ` +
          `named with its path (./${word}.ts); planted faults: see list policies`,
      );
    found.push({ policy, bundled: true });
  }
  return found;
}
