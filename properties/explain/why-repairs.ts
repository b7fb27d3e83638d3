// What somebody could do to repair a state: the kernel's own steps, made by a thread that has nothing else to
// do.

import type { Step } from '../../api/index.ts';
import type { System } from '../../engine/system.ts';
import { OWNER } from '../../models/machine.ts';
import { platformOf } from '../../models/platforms/index.ts';
import type { Model } from '../system.ts';

export interface Repair {
  /** `clearing IOPTE[iova 0] and completing its sync` */
  readonly says: string;
  /** In place. False, and the state is rubbish, where there is nothing to repair or it cannot be done now. */
  readonly act: (state: Int32Array) => boolean;
}

type Maker = (page: number) => Repair;

/** The last thread that is idle and has no invalidation queued: the least likely to be in the table. */
function idleThread(model: Model, system: System, state: Int32Array): number {
  const { threads, at } = model.machine;
  for (let thread = threads.length - 1; thread >= 0; thread--)
    if (state[system.placeAt[thread]] === 0 && state[at.inv_queue + thread] === 0) return thread;
  return -1;
}

/** Repairs of the pages and pfns given, what disturbs least first. */
export function repairsOf(
  model: Model,
  system: System,
  pages: readonly number[],
  pfns: readonly number[],
): Repair[] {
  const { machine, interpreter, config } = model;
  const { at } = machine;
  const run = (state: Int32Array, steps: readonly Step[]): boolean => {
    const thread = idleThread(model, system, state);
    if (thread < 0) return false;
    const done = steps.every((step) => interpreter.apply(state, thread, interpreter.compile(step)) >= 0);
    const waits = state[at.inv_queue + thread] !== 0;
    return done && (!waits || (interpreter.agents[thread]?.act(state) ?? false));
  };
  const repair =
    (
      says: (page: number) => string,
      needed: (state: Int32Array, page: number) => boolean,
      steps: (page: number) => Step[],
    ): Maker =>
    (page) => ({
      says: says(page),
      act: (state) => needed(state, page) && run(state, steps(page)),
    });
  const mapped = (field: string) => (state: Int32Array, page: number) => state[at[field] + page] !== 0;
  const range = (page: number) => ({ start: page, end: page + 1 });
  const sync = (page: number): Step => ({ op: 'iotlb_gather_sync', ...range(page) });

  const invalidate = repair(
    (page) => `invalidating IOTLB[iova ${page}]`,
    mapped('iotlb'),
    (page) => [sync(page)],
  );
  const clear = repair(
    (page) => `clearing IOPTE[iova ${page}] and completing its sync`,
    mapped('iopte'),
    (page) => [{ op: 'iommu_unmap_fast', ...range(page) }, sync(page)],
  );
  const zap = repair(
    (gfn) => `zapping SPTE[gfn ${gfn}] and flushing TLBs`,
    (state, gfn) =>
      state[at.spte_shared + gfn] !== 0 || state[at.spte_private + gfn] !== 0 || state[at.tlb + gfn] !== 0,
    (gfn) => [{ op: 'tdp_mmu_zap_leafs', ...range(gfn), filter: 'both' }, { op: 'kvm_flush_remote_tlbs' }],
  );
  const { mirror } = platformOf(config);
  const unmap = repair(
    (index) => `zapping host PTE[index ${index}]`,
    mapped('host_pte'),
    (index) => [{ op: 'unmap_mapping_pages', index }],
  );
  const zero = repair(
    (pfn) => `clear_highpage() of pfn ${pfn}`,
    (state, pfn) => state[at.owner + pfn] === OWNER.gmem && state[at.uptodate + pfn] === 0,
    (pfn) => [{ op: 'clear_highpage', pfn }],
  );
  const unpin = repair(
    (pfn) => `dropping a pin on pfn ${pfn}`,
    mapped('pins'),
    (pfn) => [
      { op: 'unpin_folio', pfn },
      { op: 'iopt_pages_sub_npinned', pages: 1 },
    ],
  );
  const pin = repair(
    (pfn) => `taking a pin on pfn ${pfn}`,
    (state, pfn) => state[at.owner + pfn] === OWNER.gmem,
    (pfn) => [{ op: 'pin_folio', pfn }],
  );
  const byPage = [
    invalidate,
    clear,
    zap,
    ...(mirror === null
      ? []
      : [repair(mirror.repair.says, mapped(mirror.repair.field), mirror.repair.steps)]),
    ...(at.host_pte === undefined ? [] : [unmap]),
  ];
  return [
    ...pfns.map(zero),
    ...byPage.flatMap((make) => pages.map(make)),
    ...[unpin, pin].flatMap((make) => pfns.map(make)),
  ];
}
