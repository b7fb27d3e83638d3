// What is known of a platform: one row, which everything else asks.

import type { Arch, Index, Pfn, Range, Result, Step, Steps } from '../../api/index.ts';
import type { Fact } from '../describe-iommu.ts';
import type { MayFail } from '../guest-memfd/failure.ts';
import type { FieldKind, Machine } from '../machine.ts';
import type { MachineState } from '../view.ts';
import type { PageClass, Verdicts } from './outcomes.ts';

export interface Assumption {
  readonly name: string;
  readonly default: boolean;
  /** What is assumed, in one sentence, and by whom. */
  readonly says: string;
  /** What happens where it does not hold. */
  readonly otherwise: string;
  /** It matters only on platforms like that. */
  readonly where?: (platform: Platform) => boolean;
  /** It matters only where devices cache translations themselves. */
  readonly ats?: true;
  /** It matters only in runs in which one of these steps may fail. */
  readonly fail?: readonly string[];
}

export interface Named {
  readonly name: string;
  readonly says: string;
}

export interface Stream {
  readonly trusted: boolean;
  readonly private: boolean;
  readonly name: string;
}
export const T0: Stream = { trusted: false, private: false, name: 'T=0' };
export const T1: Stream = { trusted: true, private: true, name: 'T=1 private' };

/** What comes of an access that should not have been made. */
export type Mistake = 'contained' | 'unnoticed' | 'machine check';

/** What the page-state hardware says to a guest access: refused is a fault that the hypervisor gets. */
export type CpuVerdict = 'passes' | 'refused' | 'machine check';

/** A table with an entry for each page, which is asked when the IOTLB is filled; as the assumptions have it. */
export interface Rmp {
  /** A change of an entry drops IOTLB entries of the page. */
  readonly flushesIotlb: boolean;
  /** It is asked about translated requests too. */
  readonly checksTranslated: boolean;
  /** It is asked about reads by untrusted devices too. */
  readonly checksReads: boolean;
}

export interface MirrorView {
  /** pfn + 1 of the leaf that a device can use; 0: none. */
  readonly leaf: (m: MachineState, gfn: number) => number;
  /** A leaf is there, in whatever state. */
  readonly isPresent: (m: MachineState, gfn: number) => boolean;
}

/** A table of the module's own that maps private pages, walked by vCPUs and T=1 devices; KVM has a mirror of it. */
export interface Mirror {
  /** kvm_x86_ops.remove_external_spte(), under mmu_lock. */
  readonly remove_external_spte: (gfn: number) => Steps<void>;
  readonly reads: (at: Machine['at']) => MirrorView;
  /** The same removal as a repair: where there is something in this field, by these steps. */
  readonly repair: {
    readonly says: (gfn: number) => string;
    readonly field: string;
    readonly steps: (gfn: number) => Step[];
  };
}

export interface Populated {
  readonly result: Result;
  /** The file's last reference was dropped: task work releases it, once slots_lock is dropped. */
  readonly last: boolean;
}

export interface LaunchParts {
  readonly arch: Arch;
  readonly mayFail: MayFail;
  /** kvm_gmem_populate(), and one turn of its loop. */
  readonly populate: (range: Range) => Steps<Result>;
  readonly page: (gfn: number, arch: Arch) => Steps<Result>;
}

/** The guest has an initial image that is measured. */
export interface Launch {
  /** The ioctl, under slots_lock. */
  readonly region: (parts: LaunchParts) => (range: Range) => Steps<Populated>;
  readonly post_populate: (gfn: number, pfn: Pfn) => Steps<Result>;
  /** A page that a fault has prepared is refused on rfc-v2. */
  readonly refusesPrepared: boolean;
}

export interface Sizes {
  readonly pages: number;
  readonly pfns: number;
  /** Bits that hold pfn + 1, and an index. */
  readonly PFN: number;
  readonly PAGE: number;
}

export interface Platform {
  /** Facts that an IOMMU driver knows at build time. Where private pages are mapped, entries and TLBs tell the kind. */
  readonly arch: Pick<Arch, 'maps_private' | 'leaf_size_is_checked'>;
  /** What its devices can issue. */
  readonly streams: readonly Stream[];
  /** Guests have VMSAs in pages of their own. */
  readonly vmsa: boolean;

  /* page-state hardware */
  readonly fields: (
    sizes: Sizes,
  ) => readonly (readonly [name: string, kind: FieldKind, bits: number, count: number, per: string])[];
  /** The flag of each pfn that says that the guest owns it; null: private is a promise of software. */
  readonly owned: string | null;
  /** That of a page which was taken from the guest, caches not written back yet. */
  readonly dirty: string | null;
  readonly rmp: ((assumed: never) => Rmp) | null;
  readonly mirror: Mirror | null;

  /* what an access comes to */
  readonly verdicts: (assumed: never) => Verdicts;
  /** Of an access whose check was made earlier, with its IOTLB entry. */
  readonly unchecked: (assumed: never) => Verdicts;
  /** What a page of the guest is, as seen from a translation at this gfn. */
  readonly guestPage: (at: Machine['at']) => (m: MachineState, pfn: number, gfn: number) => PageClass;
  readonly guestAccess: (
    at: Machine['at'],
  ) => (m: MachineState, gfn: number, isPrivate: boolean, pfn: number) => CpuVerdict;

  /* how grave a mistake is */
  readonly mistakes: {
    /** DMA of the hypervisor's kind to a page of the guest. */
    readonly sharedDma: Mistake;
    /** A CPU of the host touches a page of the guest. */
    readonly hostAccess: Exclude<Mistake, 'contained'>;
  };

  /* the kernel's own hooks; kvm_arch_gmem_prepare() is in api/gmem.ts, as policies call it */
  /** kvm_arch_gmem_invalidate() of a page that becomes shared; `huge`: its entry may be one of 2M. */
  readonly gmem_invalidate: ((index: Index, huge: boolean) => Steps<void>) | null;
  readonly launch: Launch | null;

  /* what is assumed */
  readonly assumptions: readonly Assumption[];
  /** Taken for granted, without a switch. */
  readonly granted: readonly Named[];
  /** Steps of its own that can be made to fail. */
  readonly failures: readonly Named[];

  /* words */
  readonly facts: (machine: Machine) => Fact[];
  /** What a device reads that it should not. */
  readonly leak: string;
  /** Why the hardware lets an access to that page through. */
  readonly letThrough: (at: Machine['at'], m: MachineState, pfn: number) => string | null;
}
