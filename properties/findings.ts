// What the bases break by themselves, with policy none: a maintainer's list of defects, each reproduced by the
// suite. docs/findings.md is written from it: npm run findings.

import {
  type AssumptionName,
  type Base,
  type BoundName,
  type Cast,
  type Config,
  type Failable,
  type PlatformName,
  assumptions,
  boundsOf,
} from '../models/bounds.ts';
import type { Bounds, Vmm } from '../models/results.ts';

export interface BaseFinding {
  /** Kebab-case: the heading of docs/findings.md, and how objections.ts speaks of it. */
  readonly id: string;
  readonly base: Base;
  readonly platform: PlatformName;
  readonly vmm: Vmm;
  readonly invariant: string;
  readonly outcome: string;
  /** What happens, in a sentence or two. */
  readonly says: string;
  /** Who has said so before, or `found here`. */
  readonly source: string;
  /** Since when, or until which version, it holds. */
  readonly holds: string;
  readonly bounds?: BoundName;
  /** What differs from those. */
  readonly numbers?: Partial<Bounds>;
  /** The calls, as `try` takes them, where a search of all calls is too large: then it is not certified. */
  readonly calls?: string;
  readonly fail?: Failable;
  readonly cast?: readonly Cast[];
  readonly assume?: { readonly [K in AssumptionName]?: boolean };
  /** Further keys that the same defect breaks. */
  readonly also?: readonly string[];
  /** Bases that break the invariant in the same way; a test searches them. */
  readonly alsoOn?: readonly Base[];
}

/** Those on code that is in the kernel or on its way there first. */
export const BASE_FINDINGS: readonly BaseFinding[] = [
  {
    id: 'memory-failure-deadlocks-with-a-hole',
    base: 'linux-7.2',
    platform: 'bare',
    vmm: 'adversarial',
    invariant: 'every-call-returns',
    outcome: 'stuck',
    says: 'memory_failure() calls error_remove_folio() with the folio locked, and kvm_gmem_error_folio() waits for invalidate_lock; kvm_gmem_punch_hole() holds invalidate_lock and waits for the lock of the folio (second pass of truncate_inode_pages_range()). Both wait for ever.',
    source: 'found here, by reading and in the models; not run on a kernel',
    holds:
      'linux-7.2 and v8; not RFC v2, whose folios are not on the LRU, so that memory_failure() gives up before',
    alsoOn: ['v8'],
    bounds: 'small',
    cast: ['host'],
  },
  {
    id: 'memory-failure-inverts-locks',
    base: 'linux-7.2',
    platform: 'bare',
    vmm: 'adversarial',
    invariant: 'lock-order-acyclic',
    outcome: 'inversion',
    says: 'The order of locks behind that deadlock, as lockdep would say it; lockdep does not track folio locks.',
    source: 'found here',
    holds: 'as above',
    alsoOn: ['v8'],
    cast: ['host'],
  },
  {
    id: 'dying-file-leaves-a-bracket-open',
    base: 'linux-7.2',
    platform: 'bare',
    vmm: 'adversarial',
    invariant: 'bracket-balanced',
    outcome: 'left open',
    says: 'kvm_gmem_error_folio() holds invalidate_lock shared and no reference to the file. A slot that is deleted between its invalidate_start and its invalidate_end, after the last fput() and before the release, is unbound without invalidate_lock; invalidate_end finds no binding, and mmu_invalidate_in_progress stays raised: faults in its range are retried for ever.',
    source: 'found here, by reading and in the models; not run on a kernel',
    holds:
      'linux-7.2, where kvm_gmem_unbind() of a dying file takes no invalidate_lock; the trace is a shortest one of these four calls',
    bounds: 'quick',
    numbers: { calls: 4, maxStates: 20_000 },
    calls: 'A: allocate 0; close | B: unbind | M: memory_failure 0',
  },
  {
    id: 'populate-meets-a-fault',
    base: 'linux-7.2',
    platform: 'sev-snp',
    vmm: 'adversarial',
    invariant: 'populate-of-unassigned-private',
    outcome: 'assigned page',
    says: 'snp_launch_update() does not ask whether the launch is finished. When it is, vCPUs run, and one may fault the page in after snp_lookup_rmpentry() has found it unassigned: __kvm_gmem_populate() holds invalidate_lock, which kvm_gmem_get_pfn() of 7.2 does not take, and nobody looks again. Where the RMPUPDATE of the fault comes before the memcpy() of the initial image, the kernel writes to an assigned page, and the host dies. Where it comes after, rmp_make_private() overwrites the entry, the firmware refuses, and snp_page_reclaim() makes the page of the running guest shared.',
    source: 'found here, by reading and in the models; not run on a kernel',
    holds: 'linux-7.2; kvm_gmem_get_pfn() of v8 takes invalidate_lock',
    also: ['no-host-fatal (CPU)'],
    bounds: 'small',
    cast: ['launch'],
  },
  {
    id: 'failed-removal-frees-a-td-page',
    base: 'linux-7.2',
    platform: 'tdx',
    vmm: 'adversarial',
    invariant: 'no-mapping-to-freed-page',
    outcome: 'TD page',
    says: 'TDH.MEM.PAGE.REMOVE fails, the VM is bugged, the zap cannot say so, and PUNCH_HOLE gives the page back with the key of the TD on it.',
    source: 'Yan Zhao, Vishal Annapurve, Ackerley Tng, June 2025 (D19); reproduced here',
    holds: 'on TDX, if the removal can fail at all',
    fail: 'tdh_mem_page_remove',
    also: ['no-stale-private-iopte (S-EPT)', 'no-host-fatal (CPU)'],
    alsoOn: ['v8', 'rfc-v2'],
  },
  {
    id: 'failed-removal-and-the-page-is-shared',
    base: 'v8',
    platform: 'tdx',
    vmm: 'adversarial',
    invariant: 'no-stale-private-iopte',
    outcome: 'S-EPT',
    says: 'The same failure in a conversion to shared: the attribute is stored although the S-EPT leaf is still there, and user space may map a page that the TD owns.',
    source: 'Yan Zhao, Vishal Annapurve, Ackerley Tng, June 2025 (D19); reproduced here',
    holds: 'v8 and RFC v2 on TDX, if the removal can fail at all',
    fail: 'tdh_mem_page_remove',
    also: ['no-mapping-to-freed-page (TD page)', 'no-host-fatal (CPU)'],
    alsoOn: ['rfc-v2'],
  },
  {
    id: 'mixed-range-zaps-private-leaves',
    base: 'v8',
    platform: 'tdx',
    vmm: 'adversarial',
    invariant: 'neighbour-content-survives',
    outcome: 'zapped with the range',
    says: 'Making a range private that is private in part takes both kinds as the filter, so the S-EPT leaves of pages that were private already are removed, and their content with them.',
    source:
      'Suzuki K Poulose, 5 Jul 2026, Re: [PATCH v8 13/46]; Ackerley Tng answers that TDX has it too; reproduced here',
    holds: 'v8; with v8.conversion-zaps-one-kind=true, his fix, it is gone',
    bounds: 'small',
  },
  {
    id: 'hole-wipes-what-is-before-it',
    base: 'rfc-v2',
    platform: 'bare',
    vmm: 'adversarial',
    invariant: 'neighbour-content-survives',
    outcome: 'wiped by a hole',
    says: 'A hole that starts in the middle of a huge folio zeroes the folio from its start: data of the guest before the hole is gone.',
    source: 'kvm_gmem_zero_range() of RFC v2, found by reading (D34); reproduced here',
    holds: 'RFC v2 with huge folios; folios of linux-7.2 and v8 have one page',
  },
  {
    id: 'memset-of-a-guest-page',
    base: 'rfc-v2',
    platform: 'sev-snp',
    vmm: 'adversarial',
    invariant: 'no-host-fatal',
    outcome: 'CPU',
    says: 'The same zeroing runs while the page is still assigned in the RMP: only free_folio() takes it back, and the write of the kernel is an RMP fault. On TDX it needs the page before the hole, whose S-EPT leaf is still there.',
    source: 'found here',
    holds: 'RFC v2 with huge folios, on SEV-SNP and TDX',
  },
  {
    id: 'release-leaves-shared-sptes',
    base: 'rfc-v2',
    platform: 'tdx',
    vmm: 'adversarial',
    invariant: 'no-mapping-to-freed-page',
    outcome: 'shared SPTE',
    says: 'kvm_gmem_release() clears slot->gmem.file before it asks the slot whether it supports shared memory, so it zaps the private kind only. On TDX, where the filter decides, shared SPTEs outlive the pages.',
    source: 'found here',
    holds: 'RFC v2 on TDX; elsewhere the filter is ignored',
    also: ['no-mapping-to-freed-page (TLB)', 'no-host-corruption (CPU)'],
  },
  {
    id: 'shared-sptes-survive-without-mmap',
    base: 'rfc-v2',
    platform: 'bare',
    vmm: 'adversarial',
    invariant: 'no-stale-s2',
    outcome: 'shared SPTE',
    says: 'A conversion to private zaps shared SPTEs through the mmu notifier of the mapping at userspace_addr. Where nothing is mapped there, they stay.',
    source:
      'RFC v2, found by reading (D21), and a comment of invalidate_begin_and_zap itself; reproduced here',
    holds: 'RFC v2; linux-7.2 and v8 zap by gfn',
    assume: { 'vmm.slot-hva-maps-gmem': false },
  },
  {
    id: 'work-list-swallows-enomem',
    base: 'rfc-v2',
    platform: 'bare',
    vmm: 'adversarial',
    invariant: 'all-or-nothing',
    outcome: 'not converted',
    says: 'kvm_gmem_convert_compute_work() loses -ENOMEM in an inner variable: the ioctl returns 0 and a part of the range is not converted.',
    source: 'RFC v2, found by reading (D12); reproduced here',
    holds: 'RFC v2; v8 has no list of works',
    fail: 'add_to_work_list',
  },
  {
    id: 'error-offset-not-set',
    base: 'rfc-v2',
    platform: 'bare',
    vmm: 'adversarial',
    invariant: 'error-offset-in-range',
    outcome: 'error_offset',
    says: 'Where the store of the shareability fails with -ENOMEM, error_offset is not set and copied to user space as it is.',
    source: 'RFC v2, found by reading (D13); reproduced here',
    holds: 'RFC v2; v8 sets it to the start of the range',
    fail: 'mas_store_gfp',
  },
  {
    id: 'failed-store-comes-after-the-zap',
    base: 'rfc-v2',
    platform: 'tdx',
    vmm: 'adversarial',
    invariant: 'no-zap-before-point-of-no-return',
    outcome: 'S-EPT',
    says: 'A conversion to shared has removed the S-EPT leaves in kvm_gmem_convert_should_proceed() when the store of the shareability fails with -ENOMEM. The page is private again, and the guest finds it not accepted, its content gone.',
    source:
      'Binbin Wu and Yan Zhao, May and June 2025, of the order of zap and check (D20); this path found here',
    holds: 'RFC v2 on TDX; v8 allocates before it zaps',
    fail: 'mas_store_gfp',
  },
  {
    id: 'undo-loop-has-no-end',
    base: 'rfc-v2',
    platform: 'bare',
    vmm: 'adversarial',
    invariant: 'no-unbounded-retry',
    outcome: 'unsigned index',
    says: 'The loop that puts folios back after a failed split or merge counts an unsigned index down to its start; at index 0 it never ends, with invalidate_lock held.',
    source: 'found here',
    holds:
      'RFC v2 where the failed range starts at index 0; with rfc-v2.undo-loop-ends=true the model looks past it',
    fail: 'split_folio',
    also: ['every-call-returns (stuck)'],
  },
  {
    id: 'undo-merges-a-mixed-page',
    base: 'rfc-v2',
    platform: 'bare',
    vmm: 'adversarial',
    invariant: 'size-in-sync-with-shareability',
    outcome: 'huge folio',
    says: 'Where the split of a later huge page fails, kvm_gmem_restructure_folios_in_range() merges those before it without a look at their shareability. One that the range covers in part, and that has a shared index outside of it, was in 4K pages before; it is a huge folio with a shared index after, and kvm_gmem_try_merge_folio_in_filemap() of the rollback leaves it so.',
    source: 'RFC v2 38/51, the undo found wrong by reading (D15); this way of it found here',
    holds:
      'RFC v2, with two huge pages and one failure. Here the first one is at index 0, where the loop has no end as posted (undo-loop-has-no-end): hence rfc-v2.undo-loop-ends=true. For a range that starts in a later huge page of the file the loop ends, and does the same',
    bounds: 'small',
    numbers: { pages: 4, vmmThreads: 1, maxStates: 20_000 },
    calls: 'A: convert_shared 0; allocate 0-3; convert_shared 1-2',
    fail: 'split_folio',
    assume: { 'rfc-v2.undo-loop-ends': true },
    also: ['all-or-nothing (folios)'],
  },
  {
    id: 'vmsa-survives-a-hole',
    base: 'rfc-v2',
    platform: 'sev-snp',
    vmm: 'adversarial',
    invariant: 'no-mapping-to-freed-page',
    outcome: 'VMSA',
    says: 'The pfn of a VMSA that lies in guest_memfd stays in the VMCB when its page is punched out.',
    source:
      'kvm_arch_gmem_invalidate_range() is new in 7.2, RFC v2 is older and has nothing in its place (D6); reproduced here',
    holds:
      'RFC v2, where the steps of the reload are those of __sev_snp_reload_vmsa() of 7.2. That released kernels before 7.2 have it is inferred from the new hook; their source was not read',
    cast: ['vmsa'],
  },
];

export function findingConfig(found: BaseFinding): Config {
  const { base, platform, vmm, fail = null, cast, bounds = 'quick', numbers, assume = {} } = found;
  return {
    base,
    platform,
    vmm,
    bounds: numbers === undefined ? boundsOf(bounds) : { ...boundsOf(bounds), name: 'custom', ...numbers },
    device: null,
    assumptions: assumptions(assume),
    fail,
    ...(cast === undefined ? {} : { cast }),
  };
}
