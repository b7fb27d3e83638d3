// What a proposal has to say. Every hook is optional; a missing one does nothing.

import type { DmabufParts } from './dmabuf.ts';
import type { Errno, Result, Steps } from './steps.ts';
import type { Index, Range, Pfn } from './units.ts';

/** Why guest_memfd invalidates. */
export type Reason = 'to private' | 'to shared' | 'truncation' | 'memory failure' | 'release';

/** gfns [base_gfn, base_gfn + npages) are indices from pgoff on. */
export interface Memslot {
  readonly base_gfn: number;
  readonly npages: number;
  readonly pgoff: number;
}

/** Facts of the platform that an IOMMU driver knows at build time. */
export interface Arch {
  readonly platform: 'bare' | 'sev-snp' | 'tdx';
  readonly base: BaseName;
  /**
   * Shared and private are two states of one page (rfc-v2, v8); in linux-7.2 shared memory is the VMM's own.
   */
  readonly in_place: boolean;
  /**
   * Private pages belong into the host's IO page table (AMD); elsewhere the secure world translates for T=1
   * streams.
   */
  readonly maps_private: boolean;
  /** IOPTE leaf size must equal the RMP entry's. */
  readonly leaf_size_is_checked: boolean;
  /** vCPUs have their VMSA in a page of the guest (cast vmsa), and an invalidation looks for it. */
  readonly guest_vmsa?: boolean;
  /** Where the VM has more than one slot on the file (cast slots); else gfn and index are equal. */
  readonly memslots?: readonly Memslot[];
  /** The domain is attached and detached, and iommufd's rwsems are taken (cast domains). */
  readonly attaches?: boolean;
  /** A driver has an in-kernel access to the IOAS, and iommufd's iova_rwsem is taken (cast access). */
  readonly accesses?: boolean;
  /** Device memory is mapped as a dma-buf, whose exporter takes it back (cast dmabuf). */
  readonly dmabuf?: boolean;
  /** Base pages in a huge page. */
  readonly huge_pages: number;
}

export type BaseName = 'linux-7.2' | 'rfc-v2' | 'v8';

/** A conversion says where it stopped: `error_offset` in pages, inside the range; or what the stack holds there. */
export type ConvertResult =
  Result | { readonly errno: Errno; readonly error_offset: number | 'uninitialised' };

/** Calls of user space that a policy may replace: a changed convert_range is a plug-in as well. */
export interface BaseCalls {
  readonly convert_private: (range: Range) => Steps<ConvertResult>;
  readonly convert_shared: (range: Range) => Steps<ConvertResult>;
  readonly punch_hole: (range: Range) => Steps<Result>;
  readonly memory_failure: (range: Range) => Steps<Result>;
  readonly map_file: (range: Range) => Steps<Result>;
  readonly unmap: (range: Range) => Steps<Result>;
  /** iopt_put_pages() of an area that is gone: its reference on the file goes. */
  readonly iopt_put_pages: () => Steps<void>;
  /** KVM_SET_USER_MEMORY_REGION2: a new slot on the file, and the slot deleted. */
  readonly bind: (range: Range) => Steps<Result>;
  readonly unbind: (range: Range) => Steps<Result>;
  readonly close: (range: Range) => Steps<Result>;
  /** SNP AP creation (cast vmsa): the VMSA of the vCPU is the page at this gfn. */
  readonly create_vmsa: (index: Index) => Steps<Result>;
  /** The page fault of a mapping of the gmem file by user space, where there is one. */
  readonly fault_user_mapping: (index: number) => Steps<Result>;
  /** One page of the guest's initial image (cast launch). Under slots_lock. */
  readonly populate_page: (gfn: number, arch: Arch) => Steps<Result>;
  /** kvm_tdp_mmu_map() of a fault, where the snapshot is looked at again. */
  readonly kvm_tdp_mmu_map: (gfn: number, pfn: Pfn, isPrivate: boolean, seq: number) => Steps<boolean>;
  /** iommufd_access_pin_pages() by a driver (cast access). */
  readonly access_pin: (range: Range) => Steps<Result>;
  /** One try of GUP-fast at the host's mapping (cast `host`): pinned, to be faulted in, or to be tried again. */
  readonly gup_fast: (index: number) => Steps<0 | 'fault' | 'again'>;
}

export interface Policy {
  /** Kebab-case, unique. */
  readonly name: string;
  /** Who proposed it, where, when: printed in reports. */
  readonly title: string;
  /** The mail or series it is taken from. */
  readonly source: string;
  readonly base: BaseName;
  /** True: its pages are pinned for as long as they are mapped. */
  readonly pins?: boolean;
  /**
   * The mutex of a guest_memfd's iopt_pages has a lockdep class of its own (lockdep_set_class()), as that of a dma-buf
   * has in Linux 7.2.
   */
  readonly own_mutex_class?: true;
  /** Small numbers that outlive a call: `slots` of them (or one an index), 0 .. max, 0 at first. */
  readonly registers?: {
    readonly [name: string]: { readonly max: number; readonly slots: number | 'index' };
  };
  /** For a planted fault: the invariant that must catch it, and where. */
  readonly planted?: {
    /** What the fault needs beyond the defaults, as the options of check say it. */
    readonly settings?: {
      readonly ats?: true;
      readonly guest?: 'honest' | 'malicious';
      readonly cast?: readonly string[];
      /** The step that may fail, see `--fail`. */
      readonly fail?: string;
    };
    readonly invariant: string;
    readonly platform: Arch['platform'];
    readonly vmm: 'adversarial' | 'cooperative';
    /** 1: two are not needed, and too many states. */
    readonly pages?: 1;
    /** What is wrong, in one sentence. */
    readonly fault: string;
  };

  /**
   * Fill the IOPTEs of a new area (IOMMU_IOAS_MAP_FILE); the area is reserved already. Nothing may be left on
   * error.
   */
  readonly ioas_map_file?: (range: Range, arch: Arch) => Steps<Result>;
  /** Clear the IOPTEs of an area that goes away (IOMMU_IOAS_UNMAP). Cannot fail. */
  readonly ioas_unmap?: (range: Range, arch: Arch) => Steps<void>;
  /**
   * May an in-kernel access have the page (cast access)? Under pages->mutex. Where it is missing, no page of the file
   * is given to an access: -EINVAL, as of a dma-buf.
   */
  readonly access_page?: (index: Index, arch: Arch) => Steps<Result>;
  /** What it changes of iommufd's functions for a dma-buf (cast dmabuf). */
  readonly dmabuf?: Partial<DmabufParts>;
  /**
   * Before the bracket opens. May refuse a conversion; of truncation, memory failure and release the answer is ignored,
   * they cannot be refused. Under invalidate_lock.
   */
  readonly invalidate_prepare?: (range: Range, reason: Reason, arch: Arch) => Steps<Result>;
  /**
   * Inside the bracket, before the change. Cannot fail. Under invalidate_lock, not under mmu_lock: may sleep.
   */
  readonly invalidate_start?: (range: Range, reason: Reason, arch: Arch) => Steps<void>;
  /** When the bracket has closed, after the change or its refusal (`committed` false). Under invalidate_lock. */
  readonly invalidate_end?: (range: Range, reason: Reason, committed: boolean, arch: Arch) => Steps<void>;

  /**
   * What user space has to do around a conversion under this proposal, when it does as documented. Default:
   * nothing but the conversion.
   */
  readonly vmm?: {
    /** IOMMU_IOAS_UNMAP before the conversion. */
    readonly unmap_before?: boolean;
    /** IOMMU_IOAS_MAP_FILE after it, where the new kind is to be mapped. */
    readonly map_after?: boolean;
    /** IOMMU_IOAS_UNMAP before PUNCH_HOLE. */
    readonly unmap_before_punch?: boolean;
  };

  /** Replaces calls of the base. Receives the calls of the base, so that one may be wrapped. */
  readonly replaces?: (base: BaseCalls, arch: Arch) => Partial<BaseCalls>;
}

/** With a hook of the bracket it is a consumer of the inode's bracket, too. */
export const isNotified = ({ invalidate_prepare, invalidate_start, invalidate_end }: Policy): boolean =>
  [invalidate_prepare, invalidate_start, invalidate_end].some((hook) => hook !== undefined);
