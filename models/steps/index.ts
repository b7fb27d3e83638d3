// The rows of all steps, and what the steps of a subject share.

import type { Step } from '../../api/index.ts';
import type { Machine } from '../machine.ts';
import { ACCESS_STEPS, makeAccess } from './access.ts';
import { AREA_LOOKUP_STEPS, AREA_STEPS, makeAreas } from './areas.ts';
import { makeAts } from './ats.ts';
import { ATTRIBUTE_STEPS, makeAttributes } from './attributes.ts';
import { BRACKET_STEPS, makeBracket } from './bracket.ts';
import type { Exec } from './context.ts';
import { CONVERSION_STEPS, makeConversion } from './conversion.ts';
import { CPU_ACCESS_STEPS, makeCpuAccess } from './cpu-access.ts';
import { DMA_STEPS, makeDma } from './dma.ts';
import { DMABUF_STEPS, makeDmabuf } from './dmabuf.ts';
import { DOMAIN_STEPS } from './domains.ts';
import { FILE_STEPS, makeFile } from './file.ts';
import { HOST_STEPS, makeHost } from './host.ts';
import { IOMMU_STEPS, makeIommu } from './iommu.ts';
import { KVM_STEPS, makeKvm } from './kvm.ts';
import { LAUNCH_STEPS, makeLaunch } from './launch.ts';
import { LOCK_STEPS, makeLocks } from './locks.ts';
import { LOOP_STEPS } from './loops.ts';
import { makeLru } from './lru.ts';
import { MEMSLOT_STEPS, makeMemslot } from './memslot.ts';
import { PAGE_CACHE_STEPS, makePageCache } from './page-cache.ts';
import { PAGE_STATE_STEPS, makePageState } from './page-state.ts';
import { REGISTER_STEPS } from './registers.ts';
import type { Op, Row, StepOf } from './row.ts';
import { makeVerdict } from './verdict.ts';
import { VMSA_STEPS, makeVmsa } from './vmsa.ts';

export type Subjects = ReturnType<typeof makeSubjects>;

export function makeSubjects(exec: Exec) {
  const lru = makeLru(exec);
  const attributes = makeAttributes(exec, lru);
  const pageState = makePageState(exec, attributes);
  const pageCache = makePageCache(exec, pageState.release, attributes, lru);
  const bracket = makeBracket(exec);
  const areas = makeAreas(exec.machine);
  const ats = makeAts(exec);
  const verdict = makeVerdict(exec);
  const iommu = makeIommu(exec, pageCache, bracket, areas, ats, verdict);
  const kvm = makeKvm(exec, pageState);
  return {
    ...exec,
    locks: makeLocks(exec, attributes),
    pageCache,
    attributes,
    conversion: makeConversion(exec, pageCache.failsNow),
    launch: makeLaunch(exec, pageState, pageCache.written),
    host: makeHost(exec, pageCache.giveBackIfUnused),
    bracket,
    file: makeFile(exec),
    kvm,
    memslot: makeMemslot(exec),
    vmsa: makeVmsa(exec, kvm.isStale),
    cpuAccess: makeCpuAccess(exec, pageState),
    pageState,
    areas,
    iommu,
    access: makeAccess(exec),
    dmabuf: makeDmabuf(exec),
    dma: makeDma(exec, iommu, ats, verdict),
  };
}

type Table = { readonly [K in Op]: Row<StepOf<K>, Subjects> };

/** In this order their names are in every token. */
export const STEPS: Table = {
  ...LOCK_STEPS,
  ...PAGE_CACHE_STEPS,
  ...ATTRIBUTE_STEPS,
  ...CONVERSION_STEPS,
  ...LAUNCH_STEPS,
  ...HOST_STEPS,
  ...LOOP_STEPS,
  ...BRACKET_STEPS,
  ...FILE_STEPS,
  ...KVM_STEPS,
  ...MEMSLOT_STEPS,
  ...VMSA_STEPS,
  ...CPU_ACCESS_STEPS,
  ...PAGE_STATE_STEPS,
  ...AREA_STEPS,
  ...IOMMU_STEPS,
  ...DOMAIN_STEPS,
  ...ACCESS_STEPS,
  ...DMABUF_STEPS,
  ...AREA_LOOKUP_STEPS,
  ...DMA_STEPS,
  ...REGISTER_STEPS,
};

/** Every kind of step. */
export const STEP_NAMES = Object.keys(STEPS) as readonly Op[];

/** The row of a step; undefined where there is no such step. */
export const rowOf = (step: Step): Row<Step, Subjects> =>
  /* the table is complete, see its type: each kind meets the row of its own */
  (Object.hasOwn(STEPS, step.op) ? STEPS[step.op] : undefined) as unknown as Row<Step, Subjects>;

/** The number of different answers. */
export function answersOf(machine: Machine, step: Step): number {
  const { answers } = rowOf(step);
  return typeof answers === 'number' ? answers : answers(machine, step);
}
