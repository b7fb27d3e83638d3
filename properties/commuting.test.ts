// What the rows of models/steps say that steps touch, against what they do: a step without the bit neither changes the
// field nor does anything else where the field has another value.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { State } from '../engine/layout.ts';
import type { System } from '../engine/system.ts';
import { assumptions, boundsOf } from '../models/bounds.ts';
import { touches } from '../models/exec/commuting.ts';
import * as bits from '../models/steps/row.ts';
import { COUNT_MAX, FILE, type Machine } from '../models/machine.ts';
import { POLICIES } from '../policies/index.ts';
import { type Model, freeEnvironment, makeModel } from './system.ts';

interface Written {
  readonly field: string;
  /** One of these. */
  readonly bits: number;
  readonly only?: (before: number, after: number) => boolean;
}

const WRITTEN: readonly Written[] = [
  { field: 'private', bits: bits.ATTRIBUTES },
  { field: 'hwpoison', bits: bits.POISON, only: (_before, after) => after === 1 },
  { field: 'mmu_invalidate_seq', bits: bits.SEQ },
  { field: 'mmu_invalidate_in_progress', bits: bits.BRACKET },
  { field: 'mmu_invalidate_range', bits: bits.BRACKET },
  { field: 'gmem_seq', bits: bits.GMEM_SEQ },
  { field: 'slot', bits: bits.SLOTS },
  { field: 'slot_bound', bits: bits.SLOTS | bits.RELEASE },
  { field: 'slot_gmem_file', bits: bits.SLOTS | bits.RELEASE },
  { field: 'file', bits: bits.CLOSE, only: (before) => before === FILE.open },
];

interface Read {
  readonly fields: readonly string[];
  readonly bits: number;
  /** Gives the fields another value; false where they cannot have one. */
  readonly change: (m: State, at: Machine['at'], pages: number) => boolean;
}

const changed = (m: State, slot: number, value: number): boolean => {
  const differs = m[slot] !== value;
  m.fill(value, slot, slot + 1);
  return differs;
};

const READ: readonly Read[] = [
  {
    fields: ['mmu_invalidate_seq'],
    bits: bits.SEQ | bits.SEQ_READ,
    change: (m, at) => changed(m, at.mmu_invalidate_seq, m[at.mmu_invalidate_seq] + 1),
  },
  {
    fields: ['mmu_invalidate_in_progress', 'mmu_invalidate_range'],
    bits: bits.BRACKET,
    change: (m, at, pages) => {
      const isOpen = m[at.mmu_invalidate_in_progress] > 0;
      changed(m, at.mmu_invalidate_range, isOpen ? 0 : 2 ** pages - 1);
      return changed(m, at.mmu_invalidate_in_progress, isOpen ? 0 : 1);
    },
  },
  {
    fields: ['gmem_seq'],
    bits: bits.GMEM_SEQ | bits.GMEM_SEQ_READ,
    change: (m, at) => changed(m, at.gmem_seq, m[at.gmem_seq] + 1),
  },
  {
    fields: ['huge_inode'],
    bits: bits.HUGE,
    change: (m, at) => changed(m, at.huge_inode, 1 - m[at.huge_inode]),
  },
  {
    fields: ['lookup_refs'],
    bits: bits.REFS,
    /* of a page that the page cache keeps */
    change: (m, at, pages) => {
      for (let index = 0; index < pages; index++) {
        const slot = at.lookup_refs + m[at.page_cache + index] - 1;
        if (m[at.page_cache + index] > 0 && m[slot] < COUNT_MAX - 1) return changed(m, slot, m[slot] + 1);
      }
      return false;
    },
  },
];

const NONE: readonly (readonly number[])[] = [];

const inFields = (machine: Machine, names: readonly string[]): Set<number> =>
  new Set(
    machine.fields.flatMap(({ name, count }) =>
      names.includes(name) ? Array.from({ length: count }, (_, k) => machine.at[name] + k) : [],
    ),
  );

/** What the pending step of each thread does that it is not said to do. */
function offences(
  model: Model,
  m: State,
  system: System,
  /** By thread: the places that its calls begin at. */
  firsts: readonly (readonly number[])[],
): string[] {
  const { domain, machine, interpreter } = model;
  const length = machine.fields.reduce((sum, { count }) => sum + count, 0);
  const apply = (state: State, thread: number, op: number): { answer: number; events: string } => {
    domain.events.length = 0;
    const answer = domain.apply(state, thread, op);
    const events = domain.events.join();
    domain.events.length = 0;
    return { answer, events };
  };
  const { placeAt, calls } = system;
  const due = (thread: number): readonly number[] =>
    m[placeAt[thread]] !== 0 ? [m[placeAt[thread]]] : (firsts[thread] ?? []);
  const steps = placeAt.flatMap((_, thread) => due(thread).map((place) => ({ thread, op: calls.op[place] })));
  return steps.flatMap(({ thread, op }) => {
    if (op < 0) return [];
    const step = interpreter.stepOf(op);
    const said = touches(step);
    const after = m.slice();
    const plain = apply(after, thread, op);
    const found: string[] = [];
    for (const { field, bits: needed, only } of WRITTEN)
      for (const k of inFields(machine, [field]))
        if (m[k] !== after[k] && only?.(m[k], after[k]) !== false && (said & needed) === 0)
          found.push(`${step.op} writes ${field}`);
    for (const { fields, bits: needed, change } of READ) {
      if ((said & needed) !== 0) continue;
      const other = m.slice();
      if (!change(other, machine.at, machine.pages)) continue;
      const there = apply(other, thread, op);
      const ignored = inFields(machine, fields);
      let same = there.answer === plain.answer && there.events === plain.events;
      for (let k = 0; k < length; k++) if (!ignored.has(k) && other[k] !== after[k]) same = false;
      if (!same) found.push(`${step.op} reads ${fields.join()}`);
    }
    return found;
  });
}

describe('steps touch no more than is said of them', () => {
  test.each([
    ['linux-7.2', 'tdx'],
    ['rfc-v2', 'sev-snp'],
    ['v8', 'bare'],
  ] as const)('%s, %s', (base, platform) => {
    const met = new Set<string>();
    const found = new Set<string>();
    for (const policy of POLICIES) {
      const bounds = boundsOf('small');
      const model = makeModel(
        {
          base,
          platform,
          vmm: 'adversarial',
          bounds,
          device: null,
          assumptions: assumptions(),
          fail: null,
        },
        { ...policy, base },
      );
      const system = model.system(freeEnvironment(model, bounds.calls), 16);
      const firsts = system.environment.offers.map((list) =>
        list.map(({ fn, args }) => system.calls.root(fn, args)),
      );
      const moves = Array.from({ length: system.actors }, (_, actor) =>
        actor < system.threads
          ? [
              system.continueMove(actor),
              ...system.environment.offers[actor].map((_offer, k) => system.startMove(actor, k)),
            ]
          : [system.agentMove(actor - system.threads)],
      ).flat();
      fc.assert(
        fc.property(
          fc.nat(system.initial.length - 1),
          fc.array(fc.nat(999), { minLength: 200, maxLength: 200 }),
          (first, choices) => {
            const m = system.initial[first].slice();
            for (const choice of choices) {
              /* half of them go on with what is in flight */
              const move =
                choice % 2 === 0
                  ? system.continueMove(choice % system.threads)
                  : moves[choice % moves.length];
              if (!system.step(m, move)) continue;
              for (const slot of system.placeAt)
                if (m[slot] !== 0) met.add(model.interpreter.stepOf(system.calls.op[m[slot]]).op);
              for (const offence of offences(model, m, system, choice % 16 === 0 ? firsts : NONE))
                found.add(offence);
            }
          },
        ),
        { numRuns: 12, seed: 7 },
      );
    }
    expect([...found]).toEqual([]);
    expect(met.size).toBeGreaterThan(30);
  });
});
