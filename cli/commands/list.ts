// list: what there is, by name.

import { LOCKS, type Policy } from '../../api/index.ts';
import {
  ASSUMPTIONS,
  BASES,
  BOUND_NAMES,
  CASTS,
  type Config,
  PLATFORMS,
  TAKEN_FOR_GRANTED,
  assumptions,
  boundsOf,
} from '../../models/bounds.ts';
import { callTable } from '../../models/calls.ts';
import { POLICIES } from '../../policies/index.ts';
import { INVARIANTS, SOMETIMES } from '../../properties/spec/index.ts';
import { hang } from '../../reports/layout.ts';
import { plantedFaults } from '../policies.ts';
import { print } from '../session.ts';
import { STATUS } from '../status.ts';
import { oneOf } from '../usage.ts';

const WHAT = [
  'policies',
  'bases',
  'platforms',
  'invariants',
  'assumptions',
  'calls',
  'bounds',
  'locks',
] as const;

const entry = (name: string, says: string): string => [name, ...hang('    ', says)].join('\n');

function callsText(): string[] {
  const words = new Map<string, string>();
  const add = (config: Config, policy: Policy, note: string): void => {
    for (const call of callTable(config, policy).calls)
      if (!words.has(call.word)) words.set(call.word, `${call.thread}: ${call.name}${note}`);
  };
  for (const cast of [null, ...CASTS])
    for (const base of BASES)
      for (const vmm of ['adversarial', 'cooperative'] as const)
        for (const policy of POLICIES)
          for (const platform of PLATFORMS) {
            const config: Config = {
              base,
              platform,
              vmm,
              bounds: boundsOf('small'),
              device: null,
              assumptions: assumptions(),
              fail: null,
              ...(cast === null ? {} : { cast: [cast] }),
            };
            add(config, policy, cast === null ? '' : ` (--cast ${cast})`);
          }
  return [...words].map(([word, name]) => entry(word, name));
}

export async function listCommand(what: string): Promise<number> {
  const faults = what === 'policies' ? await plantedFaults() : [];
  const lines: { readonly [K in (typeof WHAT)[number]]: () => string[] } = {
    policies: () => [
      ...POLICIES.map(({ name, title, base, source }) => entry(name, `${title}; base ${base}; ${source}`)),
      ...faults.map(({ name, planted }) =>
        entry(name, `planted fault: ${planted?.fault ?? ''} Must be caught by ${planted?.invariant ?? ''}.`),
      ),
    ],
    bases: () => [...BASES],
    platforms: () => [...PLATFORMS],
    invariants: () => [
      ...INVARIANTS.map(({ name, says, source }) => entry(`${name} (always)`, `${says} [${source}]`)),
      ...SOMETIMES.map(({ name, says }) => entry(`${name} (sometimes)`, says)),
    ],
    assumptions: () => [
      ...ASSUMPTIONS.map(({ name, says, default: value }) => entry(`${name}=${String(value)}`, says)),
      ...TAKEN_FOR_GRANTED.map(({ name, says }) => entry(name, `taken for granted: ${says}`)),
    ],
    calls: callsText,
    bounds: () =>
      BOUND_NAMES.map((name) => {
        const b = boundsOf(name);
        return `${name}: ${b.pages} pages, huge page = ${b.hugePages}, ${b.calls} calls, ${b.vmmThreads} VMM threads, ${b.vcpus} vCPU, ${b.devices} device, ${b.maxStates} states`;
      }),
    locks: () => [...LOCKS],
  };
  print(lines[oneOf('list', what, WHAT)]().join('\n'));
  return STATUS.conformant;
}
