// Handmade data for the golden texts: figures and traces are invented, words are the kernel's.

import type { Bounds, FaultResult, FieldChange, InvariantResult, Result, RunReport, TraceStep, TryResult, Violation } from '../../models/results.ts';
import type { MatrixCell } from '../matrix.ts';
import { decodeToken } from '../token.ts';

export const TOKEN = 'GC1-7K2M-Q9TX-40WE-M3ZP-88QD-V1RT-C5HN-2XC8-Y5';

export const BOUNDS: Bounds = {
  name: 'small',
  pages: 2,
  hugePages: 4,
  calls: 3,
  vmmThreads: 2,
  vcpus: 1,
  devices: 1,
  preemptions: null,
  maxStates: 5_000_000,
};

type Given = Pick<TraceStep, 'n' | 'thread' | 'text'> & Partial<TraceStep>;

export function step(given: Given): TraceStep {
  const word = given.text.split(/[( ]/)[0] ?? '';
  return { call: null, enters: [], depth: 0, step: word, args: {}, answer: '', returns: null, locks: [], diff: [], ...given };
}

const changed = (field: string, before: string, after: string): FieldChange => ({ field, before, after });

/** vmm-remap's hole: nothing of the punch reaches the IOMMU. */
export const ONE_THREAD: readonly TraceStep[] = [
  step({
    n: '1.1',
    thread: 'VMM 0',
    call: 'IOMMU_IOAS_MAP_FILE index [0,1) at iova 0',
    enters: ['iopt_map_file_pages', 'kvm_gmem_get_pfn'],
    depth: 2,
    text: 'lookup index 0, no reference kept',
    answer: 'pfn 5',
    locks: ['iova_rwsem'],
  }),
  step({
    n: '1.2',
    thread: 'VMM 0',
    depth: 1,
    text: 'iommu_map() iova 0 -> pfn 5, 4K',
    returns: '0',
    args: { iova: 0, pfn: 5 },
    diff: [changed('IOPTE[iova 0]', 'none', 'pfn 5, 4K')],
  }),
  step({
    n: '1.3',
    thread: 'VMM 0',
    call: 'fallocate(PUNCH_HOLE) index [0,1)',
    enters: ['kvm_gmem_punch_hole'],
    depth: 1,
    text: 'filemap_invalidate_lock()',
    locks: ['invalidate_lock'],
  }),
  step({
    n: '1.4',
    thread: 'VMM 0',
    enters: ['kvm_gmem_invalidate_start'],
    depth: 2,
    text: 'kvm_mmu_unmap_gfn_range() gfn [0,1)',
    locks: ['invalidate_lock'],
  }),
  step({
    n: '1.5',
    thread: 'VMM 0',
    depth: 1,
    text: 'truncate_inode_pages_range(): pfn 5 is freed',
    locks: ['invalidate_lock'],
    diff: [changed('pfn 5', 'gmem index 0', 'free')],
  }),
];

/** A retry that is not checked: the pfn is looked up before the bracket and installed after it; the IOMMU then caches it. */
export const TWO_THREADS: readonly TraceStep[] = [
  step({
    n: '1.1',
    thread: 'VMM 0',
    call: 'IOMMU_IOAS_MAP_FILE index [0,1) at iova 0',
    text: 'down_read(iova_rwsem)',
    step: 'down_read',
    locks: ['iova_rwsem'],
  }),
  step({
    n: '1.2',
    thread: 'VMM 0',
    enters: ['kvm_gmem_get_pfn'],
    depth: 1,
    text: 'filemap_get_folio() index 0',
    answer: 'pfn 5, seq 3',
    locks: ['iova_rwsem'],
  }),
  step({
    n: '2.1',
    thread: 'VMM 1',
    call: 'KVM_SET_MEMORY_ATTRIBUTES gfn [0,1) to private',
    text: 'mutex_lock(slots_lock)',
    step: 'mutex_lock',
    locks: ['slots_lock'],
  }),
  step({
    n: '2.2',
    thread: 'VMM 1',
    text: 'filemap_invalidate_lock()',
    step: 'filemap_invalidate_lock',
    locks: ['slots_lock', 'invalidate_lock'],
  }),
  step({
    n: '2.3',
    thread: 'VMM 1',
    enters: ['kvm_gmem_invalidate_start'],
    depth: 1,
    text: 'kvm_mmu_invalidate_start(): in_progress 0 -> 1',
    locks: ['slots_lock', 'invalidate_lock'],
    diff: [changed('in_progress', '0', '1')],
  }),
  step({
    n: '2.4',
    thread: 'VMM 1',
    text: 'attributes of index 0: shared -> private',
    locks: ['slots_lock', 'invalidate_lock'],
    diff: [changed('index 0', 'shared', 'private')],
  }),
  step({
    n: '2.5',
    thread: 'VMM 1',
    enters: ['kvm_gmem_invalidate_end'],
    depth: 1,
    text: 'kvm_mmu_invalidate_end(): seq 3 -> 4',
    locks: ['slots_lock', 'invalidate_lock'],
    diff: [changed('seq', '3', '4')],
  }),
  step({ n: '2.6', thread: 'VMM 1', text: 'filemap_invalidate_unlock()', step: 'filemap_invalidate_unlock', locks: ['slots_lock'] }),
  step({ n: '2.7', thread: 'VMM 1', text: 'mutex_unlock(slots_lock)', step: 'mutex_unlock', returns: '-EAGAIN' }),
  step({
    n: '1.3',
    thread: 'VMM 0',
    text: 'iommu_map() iova 0 -> pfn 5, 4K',
    locks: ['iova_rwsem'],
    diff: [changed('IOPTE[iova 0]', 'none', 'pfn 5, 4K')],
  }),
  step({
    n: '3.1',
    thread: 'IOMMU',
    text: 'IOTLB fill iova 0 -> pfn 5, 4K',
    diff: [changed('IOTLB[iova 0]', 'none', 'pfn 5, 4K')],
  }),
];

/** Four threads: a vCPU fault, a punch, a DMA in flight, the host allocator. */
export const FOUR_THREADS: readonly TraceStep[] = [
  step({
    n: '1.1',
    thread: 'DEV 0',
    call: 'DMA write to iova 0',
    text: 'translate: IOTLB hit iova 0 -> pfn 5',
    diff: [changed('DMA of DEV 0', 'none', 'write to pfn 5, in flight')],
  }),
  step({
    n: '2.1',
    thread: 'VMM 0',
    call: 'fallocate(PUNCH_HOLE) index [0,1)',
    enters: ['kvm_gmem_punch_hole', 'kvm_gmem_invalidate_start'],
    depth: 2,
    text: 'iommu_unmap_fast() iova 0',
    locks: ['invalidate_lock'],
    diff: [changed('IOPTE[iova 0]', 'pfn 5, 4K', 'none')],
  }),
  step({
    n: '3.1',
    thread: 'vCPU 0',
    call: 'page fault, read gfn 0',
    enters: ['kvm_mmu_faultin_pfn', 'kvm_gmem_get_pfn'],
    depth: 2,
    text: 'mmu_invalidate_retry_gfn(): in_progress, retry',
    returns: 'RET_PF_RETRY',
  }),
  step({ n: '2.2', thread: 'VMM 0', depth: 2, text: 'iommu_iotlb_sync() posted, not waited for', locks: ['invalidate_lock'] }),
  step({
    n: '2.3',
    thread: 'VMM 0',
    depth: 1,
    text: 'truncate_inode_pages_range(): pfn 5 is freed',
    locks: ['invalidate_lock'],
    diff: [changed('pfn 5', 'gmem index 0', 'free')],
  }),
  step({ n: '4.1', thread: 'host allocator', text: 'alloc_pages() = pfn 5, owner host', diff: [changed('pfn 5', 'free', 'host')] }),
  step({
    n: '1.2',
    thread: 'DEV 0',
    text: 'commit: write to pfn 5',
    answer: 'host corruption',
    returns: 'host corruption',
    diff: [changed('content of pfn 5', 'host data', 'device data')],
  }),
];

const LONG =
  'arm_smmu_domain_inv_range() of the whole stage 2 of the domain: TLBI S12E1 for asid 3 by iova [0,512), then TLBI ALLE1, ' +
  'then CMD_SYNC on each command queue, waited for in turn';

/** Texts that wrap wherever they stand, in five columns, one of them deep. */
export const LONG_TEXTS: readonly TraceStep[] = ['VMM 0', 'vCPU 0', 'host user', 'memory failure', 'IOMMU'].flatMap((thread, i) => [
  step({
    n: `${i + 1}.1`,
    thread,
    call: thread === 'IOMMU' ? null : 'ioctl(KVM_GMEM_CONVERT_RANGE) index [0,512) to private, offset of the first error returned in args',
    enters: ['kvm_gmem_convert_range', 'kvm_gmem_invalidate_start', 'tdp_mmu_zap_leafs', 'handle_removed_pt'].slice(0, i),
    depth: i,
    text: LONG,
    answer: 'CMD_SYNC consumed',
    locks: ['invalidate_lock', 'slots_arch_lock', 'mmu_lock'].slice(0, i),
    returns: i === 1 ? '-EINTR' : null,
  }),
]);

export const VIOLATION: Violation = {
  invariant: 'no-mapping-to-freed-page',
  outcome: 'IOPTE',
  says: 'No translation reaches a page that guest_memfd gave back to the host.',
  source: 'virt/kvm/guest_memfd.c: kvm_gmem_punch_hole()',
  witness: 'IOPTE[iova 0] -> pfn 5, which is free',
  severity: 'axiom',
  blame: 'policy',
  calls: 2,
  switches: 0,
  steps: 5,
  certified: true,
  certifiedStates: 234_000,
  token: decodeToken(TOKEN),
  trace: ONE_THREAD,
  initially: 'index 0: shared, pfn 5; IOAS empty',
  consequence: {
    access: 'DMA write to iova 0 after the page is reused',
    outcome: 'host corruption',
    moreCalls: 2,
    note: 'the RMP entry was never assigned to the guest',
  },
  state: ['IOPTE[iova 0]: none -> pfn 5, 4K (1.2), still there at 1.5', 'pfn 5: gmem index 0 -> free (1.5)'],
  why: ['clearing the IOPTE and completing its sync between 1.4 and 1.5'],
  dependsOn: [],
  assumedWithoutEffect: ['snp.rmpupdate-flushes-iotlb', 'smmu.sync-drains-dma'],
};

export const IOTLB_VIOLATION: Violation = {
  ...VIOLATION,
  invariant: 'no-install-after-stale-snapshot',
  outcome: 'IOTLB',
  says: 'A pfn looked up before a bracket is not installed after it.',
  source: 'include/linux/kvm_host.h: mmu_invalidate_retry_gfn()',
  witness: 'IOTLB[iova 0] -> pfn 5 from seq 3, now seq 4',
  switches: 3,
  steps: 11,
  certified: false,
  token: null,
  trace: TWO_THREADS,
  consequence: null,
  initially: 'index 0: shared, pfn 5; seq 3',
  state: ['index 0: shared -> private (2.4)'],
  why: ['mmu_invalidate_retry_gfn() between 2.5 and 1.3', 'moving 1.3 before 2.1'],
  dependsOn: ['smmu.sync-drains-dma'],
};

export const BASE_VIOLATION: Violation = {
  ...VIOLATION,
  invariant: 'no-iotlb-after-sync',
  outcome: 'DMA in flight',
  witness: 'DMA of DEV 0 committed to pfn 5, owned by host',
  blame: 'base',
  calls: 3,
  switches: 5,
  steps: 7,
  trace: FOUR_THREADS,
};

export const FLAG_VIOLATION: Violation = { ...VIOLATION, invariant: 'no-stale-shared-iopte', outcome: 'contained fault', severity: 'flag', consequence: null };

const invariant = (name: string, verdict: InvariantResult['verdict'], hits: number): InvariantResult => ({
  name,
  expectation: verdict === 'reached' || verdict === 'unreached' ? 'sometimes' : 'always',
  verdict,
  hits,
});

export const INVARIANTS: readonly InvariantResult[] = [
  invariant('no-mapping-to-freed-page', 'violated', 23_456),
  invariant('no-install-after-stale-snapshot', 'violated', 812),
  invariant('no-stale-shared-iopte', 'flagged', 4_012),
  invariant('refcount-never-negative', 'holds', 1_234_567),
  invariant('no-zap-before-point-of-no-return', 'holds', 99),
  invariant('bracket-balanced', 'holds', 9_999),
  invariant('errno-as-documented', 'holds', 10_000),
  invariant('map-meets-invalidation', 'reached', 340),
  invariant('conversion-refused', 'unreached', 0),
  invariant('rmp-size-matches-s2', 'not-judged', 0),
];

export const RESULT: Result = {
  policy: 'vmm-remap',
  policyTitle: 'vmm-remap (RFC, 25 Feb 2026)',
  base: 'rfc-v2',
  platform: 'sev-snp',
  vmm: 'adversarial',
  bounds: BOUNDS,
  assumptions: { 'snp.rmpupdate-flushes-iotlb': true, 'smmu.sync-drains-dma': false },
  verdict: 'violated',
  runs: 2_000,
  states: 234_000,
  steps: 1_200_345,
  preemptionBound: null,
  flags: { 'contained-fault': 1_234, 'exit to user space': 3 },
  dependsOn: ['smmu.sync-drains-dma'],
  invariants: INVARIANTS,
  violations: [IOTLB_VIOLATION, BASE_VIOLATION, VIOLATION, FLAG_VIOLATION],
};

const passing = INVARIANTS.slice(3, 8);

export const EXHAUSTED: Result = {
  ...RESULT,
  policy: 'revoke-on-truncate',
  policyTitle: 'revoke-on-truncate',
  verdict: 'exhausted',
  runs: 0,
  flags: {},
  dependsOn: [],
  invariants: passing,
  violations: [],
};
export const ON_BROKEN_BASE: Result = {
  ...EXHAUSTED,
  invariants: [...passing, invariant('no-iotlb-after-sync', 'violated', 71)],
  violations: [BASE_VIOLATION],
};
export const BOUNDED: Result = { ...EXHAUSTED, verdict: 'bounded', preemptionBound: 2, bounds: { ...BOUNDS, name: 'medium', calls: 4 } };
export const SAMPLED: Result = { ...EXHAUSTED, verdict: 'sampled', runs: 1_000, states: 0, preemptionBound: -1 };
export const VACUOUS: Result = { ...EXHAUSTED, verdict: 'vacuous', invariants: INVARIANTS.slice(3, 9) };
export const NOT_APPLICABLE: Result = {
  ...EXHAUSTED,
  policy: 'rmp-lockstep',
  policyTitle: 'rmp-lockstep (Mar 2026)',
  platform: 'tdx',
  verdict: 'not-applicable',
  reason: 'there is no RMP on tdx',
  invariants: [],
};

export const REPORT: RunReport = {
  version: 1,
  seed: '42',
  results: [RESULT, ON_BROKEN_BASE, EXHAUSTED, BOUNDED, SAMPLED, VACUOUS, NOT_APPLICABLE],
};

const cell = (result: Result, platform: string, vmm: 'adversarial' | 'cooperative', reached: string): MatrixCell => {
  const placed = { ...result, platform, vmm };
  return { policy: result.policy, base: result.base, platform, vmm, result: placed, reached };
};

const NONE: Result = { ...ON_BROKEN_BASE, policy: 'none', policyTitle: 'none', base: 'linux-7.2' };
const TWO_PHASE: Result = {
  ...RESULT,
  policy: 'two-phase-invalidate',
  policyTitle: 'two-phase-invalidate (sketch)',
  violations: [IOTLB_VIOLATION],
};
const CALM: Result = { ...EXHAUSTED, policy: 'folio-pin', policyTitle: 'folio-pin', base: 'linux-7.2' };

export const CELLS: readonly MatrixCell[] = (['adversarial', 'cooperative'] as const).flatMap((vmm) => [
  ...['bare', 'sev-snp', 'arm-cca', 'tdx'].flatMap((platform) => [
    cell(NONE, platform, vmm, 'small exhausted'),
    cell(platform === 'tdx' ? { ...CALM, dependsOn: ['tdx.removal-never-fails'] } : CALM, platform, vmm, 'small exhausted'),
    cell(vmm === 'adversarial' ? { ...RESULT, dependsOn: [] } : { ...EXHAUSTED, policy: 'vmm-remap' }, platform, vmm, 'quick exhausted'),
    cell(platform === 'tdx' ? { ...VACUOUS, policy: 'two-phase-invalidate' } : TWO_PHASE, platform, vmm, 'small bounded'),
  ]),
  cell({ ...EXHAUSTED, policy: 'rmp-lockstep' }, 'sev-snp', vmm, 'medium bounded'),
  cell(NOT_APPLICABLE, 'tdx', vmm, 'quick exhausted'),
]);

export const TRIES: readonly TryResult[] = ['sev-snp', 'tdx'].map((platform) => ({
  policy: 'vmm-remap',
  base: 'rfc-v2',
  platform,
  scenario: 'A: map 0; convert_private 0 | V: fault_private 0 | D: write 0',
  states: platform === 'tdx' ? 1_204 : 1_180,
  complete: platform !== 'tdx',
  assumptions: RESULT.assumptions,
  outcomes: [
    { outcome: 'A: 0; V: 0; D: ok', count: 12, trace: TWO_THREADS },
    { outcome: 'A: 0; V: exit to user space; D: contained fault', count: 3, trace: FOUR_THREADS },
    { outcome: 'A: -EAGAIN; V: 0; D: host corruption', count: 1_001, trace: ONE_THREAD },
  ],
  notes: platform === 'tdx' ? ['With tdx.removal-never-fails=false, "A: -EBUSY; V: 0; D: ok" is possible as well.'] : [],
}));

const fault = (name: string, invariantName: string, more: Partial<FaultResult>): FaultResult => ({
  name,
  invariant: invariantName,
  platform: 'sev-snp',
  base: 'rfc-v2',
  caught: true,
  seedsCaught: 20,
  seeds: 20,
  calls: 2,
  switches: 0,
  steps: 6,
  certified: true,
  needsRace: false,
  ...more,
});

export const FAULTS: readonly FaultResult[] = [
  fault('forget-iotlb-sync', 'no-iotlb-after-sync', {}),
  fault('skip-zap', 'no-mapping-to-freed-page', {}),
  fault('no-retry-after-end', 'no-install-after-stale-snapshot', { seedsCaught: 7, switches: 2, steps: 11, needsRace: true }),
  fault('zap-after-the-page-is-given-back', 'no-mapping-to-freed-page', { certified: false }),
  fault('wrong-range-by-one', 'neighbour-content-survives', { caught: false, seedsCaught: 0 }),
];
