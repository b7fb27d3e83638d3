// Words for everything that a report prints of a trace: one line a step, in the kernel's words, function names with ().

import type { Step } from '../api/index.ts';
import type { Machine } from './machine.ts';
import { rowOf } from './steps/index.ts';
import type { Seen } from './steps/row.ts';
import { subranges } from './steps/words.ts';
import type { MachineState } from './view.ts';

/** A step and its answer in words. */
export interface StepText {
  /** Greppable: the function, or the instruction. */
  readonly step: string;
  readonly text: string;
  /** Empty where there is nothing to say. */
  readonly answer: string;
  readonly args: { readonly [name: string]: string | number | boolean };
}

/** `filemap_invalidate_lock` of `filemap_invalidate_lock()`; what is no function keeps its kind. */
const nameOf = (step: Step, text: string): string =>
  step.op === 'lock' || step.op === 'unlock' ? (text.split('(')[0] ?? text) : step.op;

export function describeStep(
  machine: Machine,
  step: Step,
  answer: number,
  seen: Seen | null = null,
): StepText {
  const [text, says] = rowOf(step).words(step, { machine, seen });
  const { op: _op, ...args } = step;
  return { step: nameOf(step, text), text, answer: says === undefined ? '' : says(answer), args };
}

/** What hardware or allocator did by itself, from the agent's name and the states around it. */
export function describeAgent(machine: Machine, agent: string, before: MachineState, after: MachineState) {
  const { at } = machine;
  const [thread = agent, what = ''] = agent.split(': ');
  const said = (step: string, text: string, args: StepText['args']) => ({
    thread,
    step,
    text,
    answer: '',
    args,
  });
  const by = machine.threads.findIndex(({ name }) => what === `invalidation queued by ${name}`);
  if (by >= 0) {
    const ranges = subranges(before[at.inv_queue + by] ?? 0, 0);
    const text = `IOMMU executes the invalidation: iova ${ranges}`;
    return said('invalidate', text, { queued_by: machine.threads[by].name });
  }
  const byDevice = machine.threads.findIndex(
    ({ name }) => what === `device TLB invalidation queued by ${name}`,
  );
  if (byDevice >= 0) {
    const ranges = subranges(before[at.device_inv_queue + byDevice] ?? 0, 0);
    const text = `the devices drop their TLB entries: iova ${ranges}`;
    return said('invalidate_devices', text, { queued_by: machine.threads[byDevice].name });
  }
  const asks = /^device TLB fill iova (\d+)$/.exec(what);
  if (asks !== null) {
    const page = Number(asks[1]);
    const slot = Number(thread.replace(/^DEV /, '')) * machine.pages + page;
    return said('device_tlb_fill', `${what} -> pfn ${after[at.device_tlb + slot] - 1}`, { iova: page });
  }
  const fills = /^IOTLB fill iova (\d+)$/.exec(what);
  if (fills !== null) {
    const page = Number(fills[1]);
    return said('iotlb_fill', `${what} -> pfn ${after[at.iotlb + page] - 1}`, { iova: page });
  }
  if (what.includes('LRU batch')) return said('lru_add_drain', what, {});
  for (let pfn = 0; pfn < machine.pfns; pfn++)
    if (before[at.owner + pfn] !== after[at.owner + pfn])
      return said('alloc_pages', `pfn ${pfn} is handed to another owner`, { pfn });
  return said('agent', what, {});
}
