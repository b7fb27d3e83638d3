// State of the policy's own that outlives a call (Policy.registers).

import type { Machine } from '../machine.ts';
import { NotAStep } from './context.ts';
import { PLAIN, type Rows } from './row.ts';

function slotAt({ registerAt }: Machine, register: string, slot: number): number {
  const declared = registerAt[register];
  if (declared === undefined)
    throw new NotAStep(`register '${register}' is not declared in Policy.registers`);
  if (!(slot >= 0 && slot < declared.slots))
    throw new NotAStep(`register '${register}' has slots 0 to ${declared.slots - 1}, not ${slot}`);
  return declared.at + slot;
}

const maxOf = ({ registerAt }: Machine, register: string): number => registerAt[register]?.max ?? 0;

export const REGISTER_STEPS = {
  read_register: {
    ...PLAIN,
    words: (s) => [`read ${s.register}[${s.slot}]`, (a) => String(a)],
    answers: (machine, s) => maxOf(machine, s.register) + 1,
    touches: 0,
    check: ({ machine }, s) => void slotAt(machine, s.register, s.slot),
    run: ({ machine }, s, m) => m[slotAt(machine, s.register, s.slot)],
  },
  write_register: {
    ...PLAIN,
    words: (s) => [`${s.register}[${s.slot}] = ${s.value}`],
    touches: 0,
    check: ({ machine }, s) => {
      slotAt(machine, s.register, s.slot);
      const max = maxOf(machine, s.register);
      if (!(Number.isInteger(s.value) && s.value >= 0 && s.value <= max))
        throw new NotAStep(`register '${s.register}' holds 0 to ${max}, not ${s.value}`);
    },
    run: ({ machine }, s, m) => ((m[slotAt(machine, s.register, s.slot)] = s.value), 0),
  },
} satisfies Rows<{ readonly machine: Machine }>;
