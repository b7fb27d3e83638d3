// The planted faults: a folder for each victim, one fault a file, each broken in one place and naming the invariant
// that must catch it. A file that is put into a folder is found; what plants nothing is help for its neighbours.

import { readdirSync } from 'node:fs';
import type { Policy } from '../../api/index.ts';

const here = new URL('./', import.meta.url);

const victims = readdirSync(here, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .sort();
const files = victims.flatMap((victim) =>
  readdirSync(new URL(`${victim}/`, here))
    .filter((name) => /(?<!\.d|\.test)\.[jt]s$/.test(name))
    .sort()
    .map((name) => new URL(`${victim}/${name}`, here).href),
);

const isPlanted = (value: unknown): value is Policy =>
  typeof value === 'object' && value !== null && 'planted' in value;

export const BROKEN: readonly Policy[] = (
  await Promise.all(files.map((file) => import(file) as Promise<{ readonly [name: string]: unknown }>))
).flatMap((module) => Object.values(module).filter(isPlanted));
