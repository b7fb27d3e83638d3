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
import type { Vmm } from '../models/results.ts';

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
  readonly fail?: Failable;
  readonly cast?: readonly Cast[];
  readonly assume?: { readonly [K in AssumptionName]?: boolean };
  /** Further keys that the same defect breaks. */
  readonly also?: readonly string[];
}

export const BASE_FINDINGS: readonly BaseFinding[] = [
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
    id: 'failed-removal-frees-a-td-page',
    base: 'linux-7.2',
    platform: 'tdx',
    vmm: 'adversarial',
    invariant: 'no-mapping-to-freed-page',
    outcome: 'TD page',
    says: 'TDH.MEM.PAGE.REMOVE fails, the VM is bugged, the zap cannot say so, and PUNCH_HOLE gives the page back with the key of the TD on it.',
    source: 'Yan Zhao, Vishal Annapurve, Ackerley Tng, June 2025 (D19); reproduced here',
    holds: 'linux-7.2 and v8 on TDX, if the removal can fail at all',
    fail: 'tdh_mem_page_remove',
  },
  {
    id: 'memory-failure-inverts-locks',
    base: 'linux-7.2',
    platform: 'bare',
    vmm: 'adversarial',
    invariant: 'lock-order-acyclic',
    outcome: 'inversion',
    says: 'memory_failure() calls error_remove_folio() with the folio locked, and kvm_gmem_error_folio() takes invalidate_lock; PUNCH_HOLE takes folio locks inside invalidate_lock. The two can wait for one another (every-call-returns, three calls); the trace is of the order alone, lockdep does not track folio locks.',
    source: 'found here',
    holds:
      'linux-7.2; v8 has the same code; not RFC v2, whose folios are not on the LRU, so that memory_failure() gives up before',
    cast: ['host'],
  },
  {
    id: 'vmsa-survives-a-hole',
    base: 'rfc-v2',
    platform: 'sev-snp',
    vmm: 'adversarial',
    invariant: 'no-mapping-to-freed-page',
    outcome: 'VMSA',
    says: 'The pfn of a VMSA that lies in guest_memfd stays in the VMCB when its page is punched out.',
    source: 'kvm_arch_gmem_invalidate_range() is new in 7.2 (D6); RFC v2 is older; reproduced here',
    holds: 'before 7.2',
    cast: ['vmsa'],
  },
];

export function findingConfig(found: BaseFinding): Config {
  const { base, platform, vmm, fail = null, cast, bounds = 'quick', assume = {} } = found;
  return {
    base,
    platform,
    vmm,
    bounds: boundsOf(bounds),
    device: null,
    assumptions: assumptions(assume),
    fail,
    ...(cast === undefined ? {} : { cast }),
  };
}
