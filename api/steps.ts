// tidy: long because the vocabulary is one list
// The step vocabulary: each constructor is one atomic step and one preemption point. Names are the kernel's
// (Linux 7.2) where it has one. A step is plain data; only models/exec knows what it does to the machine.

import type { Arch } from './policy.ts';
import { type Iova, type Index, type Pfn, type Range, each_page } from './units.ts';

/*
 * MODEL: without cast domains, sections of domains_rwsem and iova_rwsem are single steps, and with it those of
 * iova_rwsem on one area; pages_mutex, mmu_lock and invalidate_lock are held over steps.
 */
/* MODEL: one pages_mutex for all areas; the kernel has one an iopt_pages. */
export const LOCKS = [
  'slots_lock',
  'invalidate_lock',
  'mmu_lock',
  'pages_mutex',
  'vmm_lock',
  /* with cast domains */
  'domains_rwsem',
  'iova_rwsem',
  'mmap_lock',
  /* with cast dmabuf: vdev->memory_lock of its exporter; and the next one, and that of its iopt_pages */
  'memory_lock',
  'dma_resv',
  /* the mutexes of iopt_pages that are not of a guest_memfd */
  'user_pages_mutex',
  'dmabuf_pages_mutex',
  /* with cast access: of the iommufd_access, and of the driver that it is of (selftest.c) */
  'ioas_lock',
  'staccess_lock',
] as const;
export type LockName = (typeof LOCKS)[number];

/** Whose bracket: guest_memfd looks for bindings of the file; the VM's ioctl and the mmu notifier for memslots. */
export type BracketBy = 'binding' | 'memslot' | 'notifier';

/** What is followed though it points to nothing: an errno, an entry of an array that nobody wrote. */
export type WildPointer = 'ERR_PTR' | 'ufolios';

/** Which roots a zap walks. */
export type ZapFilter = 'shared' | 'private' | 'both';

export type Errno =
  | '-ENOMEM'
  | '-EAGAIN'
  | '-EINVAL'
  | '-EEXIST'
  | '-ENOENT'
  | '-EBUSY'
  | '-EFAULT'
  | '-EBADF'
  | '-EINTR'
  | '-EPERM'
  | '-EIO'
  | '-EHWPOISON'
  | '-EDEADLOCK'
  | '-ENODEV'
  | '-SIGBUS'
  | '-SIGSEGV';
/** What a kernel function returns: 0 or an errno. */
export type Result = 0 | Errno;

export type Step =
  /* locks */
  | { readonly op: 'lock' | 'unlock'; readonly lock: LockName; readonly mode: 'write' | 'read' }
  /* guest_memfd: page cache, attributes, bracket */
  | {
      readonly op: 'kvm_gmem_get_folio' | 'filemap_lock_folio' | 'unmap_mapping_pages' | 'folio_ref_count';
      readonly index: Index;
    }
  | { readonly op: 'filemap_remove_folio'; readonly index: Index; readonly fault?: 'no-free-folio' }
  | { readonly op: 'lru_add_drain_all' }
  | {
      readonly op:
        'folio_unlock' | 'folio_put' | 'folio_test_hwpoison' | 'folio_test_uptodate' | 'clear_highpage';
      readonly pfn: Pfn;
    }
  | { readonly op: 'pin_folio' | 'unpin_folio'; readonly pfn: Pfn }
  /* a struct folio pointer that nobody holds, or that was never one */
  | { readonly op: 'folio_order' | 'folio_test_large'; readonly pfn: Pfn }
  | { readonly op: 'wild_pointer'; readonly pointer: WildPointer }
  | { readonly op: 'iopt_pages_add_npinned' | 'iopt_pages_sub_npinned'; readonly pages: number }
  | {
      readonly op:
        'safe_refcount' | 'kvm_gmem_has_some_shared' | 'get_invalidate_filter' | 'filemap_get_folios';
      readonly start: Index;
      readonly end: Index;
    }
  | {
      readonly op: 'compute_work' | 'range_has_attributes' | 'mas_preallocate';
      readonly start: Index;
      readonly end: Index;
      readonly to: 'private' | 'shared';
    }
  | {
      readonly op: 'store_attributes';
      readonly start: Index;
      readonly end: Index;
      readonly to: 'private' | 'shared';
      readonly fault?: 'erase';
    }
  | { readonly op: 'wait_for_folio_refs' | 'split_folio'; readonly index: Index }
  | { readonly op: 'merge_folio'; readonly index: Index; readonly mixed?: true }
  /* a step that fails, a call that says how a conversion has ended: only in runs with a failure */
  | { readonly op: 'fails'; readonly step: string }
  | {
      readonly op: 'convert_returns';
      readonly start: Index;
      readonly end: Index;
      readonly to: 'private' | 'shared';
      readonly failed: boolean;
    }
  /* a user thread of the host, lockless lookups: only with the cast `host` */
  | { readonly op: 'read_host_pte' | 'xas_load'; readonly index: Index }
  | { readonly op: 'folio_try_get' | 'folio_put_tried' | 'folio_lock' | 'keep_pin'; readonly pfn: Pfn }
  | { readonly op: 'unpin_user_page' | 'kernel_write' }
  /* the launch of a guest: only with the cast `launch` */
  | { readonly op: 'launch_finished' | 'launch_finish' }
  | { readonly op: 'tdh_mr_extend'; readonly index: Index }
  | { readonly op: 'snp_lookup_rmpentry' | 'copy_to_page' | 'folio_mark_uptodate'; readonly pfn: Pfn }
  | { readonly op: 'snp_launch_update' | 'tdh_mem_page_add'; readonly index: Index; readonly pfn: Pfn }
  /* a loop that has no end */
  | { readonly op: 'index_wraps'; readonly index: Index }
  | { readonly op: 'loops_for_ever' }
  | { readonly op: 'set_hwpoison'; readonly index: Index }
  | { readonly op: 'gmem_is_private'; readonly index: Index }
  | {
      readonly op: 'gmem_invalidate_start';
      readonly start: Index;
      readonly end: Index;
    }
  | { readonly op: 'gmem_invalidate_seq' | 'gmem_invalidate_seq_inc' | 'gmem_in_progress_dec' }
  | {
      readonly op: 'gmem_invalidate_retry';
      readonly seq: number;
      readonly index: Index;
      readonly fault?: 'ignore-progress' | 'ignore-seq';
    }
  | { readonly op: 'fget' | 'gmem_huge_inode' | 'close_file' | 'find_vma' }
  | { readonly op: 'get_file_active'; readonly gfn?: number }
  | { readonly op: 'fput'; readonly counted: boolean }
  | { readonly op: 'gmem_zero_range'; readonly start: Index; readonly end: Index }
  /* KVM */
  | {
      readonly op: 'kvm_mmu_invalidate_start';
      readonly start: Index;
      readonly end: Index;
      readonly by?: BracketBy;
      readonly fault?: 'no-range';
    }
  | { readonly op: 'kvm_mmu_invalidate_range_add'; readonly start: Index; readonly end: Index }
  | {
      readonly op: 'kvm_mmu_invalidate_end';
      readonly start: Index;
      readonly end: Index;
      readonly by?: BracketBy;
      readonly fault?: 'no-seq';
    }
  | {
      readonly op: 'tdp_mmu_zap_leafs';
      readonly start: Index;
      readonly end: Index;
      readonly filter: ZapFilter;
    }
  | { readonly op: 'kvm_flush_remote_tlbs' }
  | { readonly op: 'srcu_read_lock' | 'mmu_invalidate_seq' | 'srcu_read_unlock' | 'synchronize_srcu' }
  | { readonly op: 'kvm_mem_is_private' | 'hva_to_pfn'; readonly index: Index }
  | {
      readonly op: 'kvm_tdp_mmu_map';
      readonly index: Index;
      readonly pfn: Pfn;
      readonly private: boolean;
      readonly seq: number;
      readonly fault?: 'no-recheck';
    }
  | {
      readonly op: 'slot_state';
      readonly to: 'valid' | 'invalid' | 'deleted' | 'none';
      readonly gfn?: number;
    }
  | {
      readonly op:
        'gfn_to_memslot' | 'slot_gmem_file' | 'kvm_gmem_store_bindings' | 'kvm_gmem_erase_bindings';
      readonly gfn?: number;
    }
  | { readonly op: 'slot_in_range'; readonly start: Index; readonly end: Index; readonly by: BracketBy }
  | { readonly op: 'kvm_gmem_forget_file' | 'kvm_gmem_list_del' }
  /* SNP: a VMSA in a page of the guest */
  | { readonly op: 'vmsa_clear' | 'vmsa_request_reload' | 'kvm_check_vmsa_request' }
  | { readonly op: 'vmsa_publish_gpa'; readonly index: Index }
  | { readonly op: 'vmsa_install'; readonly pfn: Pfn }
  | { readonly op: 'mmu_invalidate_retry_gfn'; readonly seq: number; readonly index: Index }
  | { readonly op: 'kvm_arch_gmem_invalidate_range'; readonly start: Index; readonly end: Index }
  | { readonly op: 'guest_access'; readonly index: Index; readonly private: boolean }
  | { readonly op: 'host_access'; readonly index: Index }
  | { readonly op: 'map_host_pte'; readonly index: Index; readonly pfn: Pfn }
  /* page-state instructions */
  | { readonly op: 'rmp_make_private'; readonly index: Index; readonly pfn: Pfn }
  | { readonly op: 'rmp_level'; readonly pfn: Pfn }
  | { readonly op: 'rmp_make_shared'; readonly index: Index }
  | { readonly op: 'psmash'; readonly index: Index; readonly pfn?: Pfn }
  | {
      readonly op: 'tdh_mem_range_block' | 'tdh_mem_track' | 'tdh_mem_page_remove' | 'tdh_phymem_page_wbinvd';
      readonly index: Index;
    }
  | { readonly op: 'guest_rescind' | 'guest_accept'; readonly index: Index }
  /* iommufd and the IOMMU */
  | {
      readonly op: 'iopt_area_ready' | 'iopt_area_begin_unmap' | 'iopt_abort_area' | 'iopt_area_iter';
      readonly start: Iova;
      readonly end: Iova;
    }
  | {
      readonly op: 'iopt_insert_area';
      readonly start: Iova;
      readonly end: Iova;
      readonly dmabuf?: true;
    }
  /* only with the cast `domains` */
  | { readonly op: 'iopt_has_domain' }
  | { readonly op: 'iopt_set_domain'; readonly attached: boolean }
  /* in-kernel access: only with the cast `access` */
  | {
      readonly op:
        | 'iopt_area_num_accesses'
        | 'iopt_area_prevent_access'
        | 'iopt_area_add_access'
        | 'iopt_area_remove_access'
        | 'iopt_pages_xa_erase';
      readonly start: Iova;
      readonly end: Iova;
    }
  | { readonly op: 'iopt_area_contig'; readonly iova: Iova; readonly unpin?: true }
  | { readonly op: 'staccess_items' }
  | { readonly op: 'iopt_pages_xa_store'; readonly iova: Iova; readonly pfn: Pfn }
  | { readonly op: 'batch_rw'; readonly iova: Iova; readonly pfn: Pfn; readonly write: boolean }
  /* a dma-buf: only with the cast `dmabuf` */
  | { readonly op: 'vfio_pci_dma_buf_attach' }
  | { readonly op: 'vfio_pci_dma_buf_iommufd_map'; readonly fault?: 'not-asked' }
  | { readonly op: 'dma_buf_dynamic_attach' | 'dma_buf_detach' }
  | {
      readonly op: 'iopt_is_dmabuf' | 'iopt_dmabuf_phys' | 'iopt_dmabuf_tracker' | 'iopt_dmabuf_set_revoked';
      readonly iova: Iova;
    }
  | { readonly op: 'iopt_dmabuf_track_domain' | 'iopt_dmabuf_untrack_domain'; readonly iova: Iova }
  | { readonly op: 'dma_buf_revoked' }
  | { readonly op: 'dma_buf_attachments'; readonly fault?: 'len-kept' }
  | { readonly op: 'dma_buf_set_revoked'; readonly revoked: boolean }
  | { readonly op: 'vfio_pci_set_power_state'; readonly state: 'PCI_D0' | 'PCI_D3hot' }
  | { readonly op: 'iommu_map'; readonly iova: Iova; readonly pfn: Pfn; readonly pages: number }
  | {
      readonly op: 'iommu_unmap_fast';
      readonly start: Iova;
      readonly end: Iova;
      readonly nofail?: true;
    }
  | {
      readonly op: 'iotlb_gather_sync';
      readonly start: Iova;
      readonly end: Iova;
      readonly fault?: 'device-tlb-first' | 'no-device-tlb';
    }
  | { readonly op: 'iommu_completion_wait'; readonly start: Iova; readonly end: Iova }
  | { readonly op: 'iommu_iova_to_phys'; readonly iova: Iova }
  | { readonly op: 'iopt_area_of'; readonly iova: Iova }
  /* devices */
  | {
      readonly op: 'dma_translate';
      readonly iova: Iova;
      readonly write: boolean;
      readonly trusted: boolean;
      readonly private: boolean;
      readonly honest: boolean;
    }
  | { readonly op: 'dma_commit' }
  /* state of the policy's own that outlives a call */
  | { readonly op: 'read_register'; readonly register: string; readonly slot: number }
  | {
      readonly op: 'write_register';
      readonly register: string;
      readonly slot: number;
      readonly value: number;
    };

/** Answer of `iopt_area_of`: 0 for none, else 1 + start, end - 1 side by side. */
export const AREA_END_BITS = 3;
const AREA_END_MASK = 2 ** AREA_END_BITS - 1;
const IOVAS_MAX = 2 ** AREA_END_BITS;
/** Answer of `set_hwpoison`: 0 for none, else pages and first page of the folio side by side. */
export const FOLIO_PFN_BITS = 6;
const FOLIO_PFN_MASK = 2 ** FOLIO_PFN_BITS - 1;

/** Protocol code: yields steps, returns a result. */
export type Steps<R> = Generator<Step | EnterRequest, R, unknown>;

type PlainArgument = string | number | boolean | Range | Arch | null;

/** Enter a kernel function: shown as `name()` in reports, and its answers are forgotten at its return. */
export interface EnterRequest {
  readonly op: 'call';
  readonly fn: (...args: never[]) => Steps<unknown>;
  readonly args: readonly PlainArgument[];
  readonly repeat?: boolean;
}

/* A policy file may have a copy of this module of its own: what is watched is known to all of them. */
const MADE = Symbol.for('gmem-iommu-conformance.made');
/** Made and not begun, each with its name; absent where nobody asks. */
const watched = globalThis as { [MADE]?: Map<unknown, string> | undefined };

/** From here on steps are watched: one that is made is to be yielded. */
export function watchSteps(): void {
  watched[MADE] = new Map();
}

/** The first step that was made since and never begun: a forgotten yield*. */
export function forgottenStep(): string | null {
  const [first = null] = watched[MADE]?.values() ?? [];
  watched[MADE] = undefined;
  return first;
}

/** yield* asks for the iterator first. */
function noted<R>(steps: Steps<R>, name: string): Steps<R> {
  const made = watched[MADE];
  if (made === undefined) return steps;
  made.set(steps, name);
  return Object.assign(steps, {
    [Symbol.iterator]: () => {
      made.delete(steps);
      return steps;
    },
  });
}

function* asking(step: Step): Steps<number> {
  return (yield step) as number;
}
function* telling(step: Step): Steps<void> {
  yield step;
}
function* askingFlag(step: Step): Steps<boolean> {
  return (yield step) !== 0;
}
/** 0 stands for "none" in an answer, n + 1 for pfn n. */
function* askingPfn(step: Step): Steps<Pfn | null> {
  const answer = (yield step) as number;
  return answer === 0 ? null : answer - 1;
}
const ask = (step: Step): Steps<number> => noted(asking(step), step.op);
const tell = (step: Step): Steps<void> => noted(telling(step), step.op);
const askFlag = (step: Step): Steps<boolean> => noted(askingFlag(step), step.op);
const askPfn = (step: Step): Steps<Pfn | null> => noted(askingPfn(step), step.op);
function* entering<R>(request: EnterRequest): Steps<R> {
  return (yield request) as R;
}

/**
 * Call a kernel function: its name appears in reports; only its result is remembered. Arguments are plain
 * data.
 */
export function call<A extends readonly PlainArgument[], R>(
  fn: (...args: A) => Steps<R>,
  ...args: A
): Steps<R> {
  return noted(entering({ op: 'call', fn: fn as unknown as EnterRequest['fn'], args }), 'call');
}

/** Run the function until it returns something else than 'again'; each round starts with nothing remembered. */
export function repeat<A extends readonly PlainArgument[], R>(
  fn: (...args: A) => Steps<R | 'again'>,
  ...args: A
): Steps<R> {
  const request = { op: 'call', fn: fn as unknown as EnterRequest['fn'], args, repeat: true } as const;
  return noted(entering(request), 'repeat');
}

/* ---- locks: blocking steps; the releasing ones only let others go on ---- */

/** mutex_lock(), spin_lock(). */
export const lock = (name: LockName): Steps<void> => tell({ op: 'lock', lock: name, mode: 'write' });
/** mutex_unlock(), spin_unlock(). PolicyError unless the thread holds it. */
export const unlock = (name: LockName): Steps<void> => tell({ op: 'unlock', lock: name, mode: 'write' });
/** down_write(), filemap_invalidate_lock(), write_lock(). */
export const down_write = lock;
export const up_write = unlock;
/** down_read(), filemap_invalidate_lock_shared(). */
export const down_read = (name: LockName): Steps<void> => tell({ op: 'lock', lock: name, mode: 'read' });
export const up_read = (name: LockName): Steps<void> => tell({ op: 'unlock', lock: name, mode: 'read' });

/* ---- guest_memfd ---- */

/**
 * kvm_gmem_get_folio(): find and lock, else allocate, insert and lock; takes a reference. null: -ENOMEM.
 * Content is not cleared.
 */
export const kvm_gmem_get_folio = (index: Index): Steps<Pfn | null> =>
  askPfn({ op: 'kvm_gmem_get_folio', index });
/** filemap_lock_folio(): as above, but null on a hole. */
export const filemap_lock_folio = (index: Index): Steps<Pfn | null> =>
  askPfn({ op: 'filemap_lock_folio', index });
export const folio_unlock = (pfn: Pfn): Steps<void> => tell({ op: 'folio_unlock', pfn });
/** Drop a lookup reference; the last one gives the page back to the allocator. */
export const folio_put = (pfn: Pfn): Steps<void> => tell({ op: 'folio_put', pfn });
export const folio_test_hwpoison = (pfn: Pfn): Steps<boolean> => askFlag({ op: 'folio_test_hwpoison', pfn });
export const folio_test_uptodate = (pfn: Pfn): Steps<boolean> => askFlag({ op: 'folio_test_uptodate', pfn });
/** clear_highpage() and folio_mark_uptodate() of a folio that is not up to date yet; under the folio lock. */
export const clear_highpage = (pfn: Pfn): Steps<void> => tell({ op: 'clear_highpage', pfn });
/** FOLL_PIN: one pin on one page. */
export const pin_folio = (pfn: Pfn): Steps<void> => tell({ op: 'pin_folio', pfn });
export const unpin_folio = (pfn: Pfn): Steps<void> => tell({ op: 'unpin_folio', pfn });
/** Is the page in a large folio? Under the folio lock. */
export const folio_order = (pfn: Pfn): Steps<boolean> => askFlag({ op: 'folio_order', pfn });
/**
 * Is a large folio there, whose first page is this one? Read through a bare pointer the answer is stale at once; the
 * first page of a folio may have become a page inside a larger one, and is no large folio then.
 */
export const folio_test_large = (pfn: Pfn): Steps<boolean> => askFlag({ op: 'folio_test_large', pfn });
/** A pointer is followed that was never set, or is an ERR_PTR: an oops. The caller ends as after an error. */
export const wild_pointer = (pointer: WildPointer): Steps<void> => tell({ op: 'wild_pointer', pointer });
export const iopt_pages_add_npinned = (pages: number): Steps<void> =>
  tell({ op: 'iopt_pages_add_npinned', pages });
export const iopt_pages_sub_npinned = (pages: number): Steps<void> =>
  tell({ op: 'iopt_pages_sub_npinned', pages });
/** kvm_gmem_has_safe_refcount(): null, or the first index whose folio has more than its expected references. */
export function* kvm_gmem_has_safe_refcount(range: Range): Steps<Index | null> {
  const answer = (yield { op: 'safe_refcount', start: range.start, end: range.end }) as number;
  return answer === 0 ? null : answer - 1;
}
/**
 * v8: folio_ref_count() is what the page cache and the caller's own lookup make it. A first look, before the LRU
 * batches are drained; kvm_gmem_has_safe_refcount() is the last word.
 */
export const folio_ref_count_is_expected = (index: Index): Steps<boolean> =>
  askFlag({ op: 'folio_ref_count', index });
/** filemap_get_folios(), of less than a batch: the indices of the range that are present now. */
export function* filemap_get_folios(range: Range): Steps<Index[]> {
  const found = (yield { op: 'filemap_get_folios', start: range.start, end: range.end }) as number;
  return each_page(range).filter((index) => ((found >> (index - range.start)) & 1) === 1);
}
/** Every CPU's batches give back the references that they hold. */
export const lru_add_drain_all = (): Steps<void> => tell({ op: 'lru_add_drain_all' });
/** The maximal subranges whose attribute differs from `to`; and whether the inode is backed by huge pages. */
export function* kvm_gmem_convert_compute_work(
  range: Range,
  to: 'private' | 'shared',
): Steps<{ works: Range[]; huge_inode: boolean }> {
  const answer = (yield { op: 'compute_work', start: range.start, end: range.end, to }) as number;
  const differs = answer >> 1;
  const works: Range[] = [];
  for (let index = range.start; index < range.end; index++) {
    if (((differs >> (index - range.start)) & 1) === 0) continue;
    const last = works.at(-1);
    if (last !== undefined && last.end === index)
      works[works.length - 1] = { start: last.start, end: index + 1 };
    else works.push({ start: index, end: index + 1 });
  }
  return { works, huge_inode: (answer & 1) === 1 };
}
/** v8: has the whole range the attribute already? */
export const kvm_gmem_range_has_attributes = (range: Range, to: 'private' | 'shared'): Steps<boolean> =>
  askFlag({ op: 'range_has_attributes', start: range.start, end: range.end, to });
/** v8: nodes of the maple tree for the merged range, so that the store cannot fail. False: -ENOMEM. */
export const mas_preallocate = (range: Range, to: 'private' | 'shared'): Steps<boolean> =>
  askFlag({ op: 'mas_preallocate', start: range.start, end: range.end, to });
/** v8: the kinds that the attributes of the range name. */
export function* kvm_gmem_get_invalidate_filter(range: Range): Steps<ZapFilter> {
  const answer = (yield { op: 'get_invalidate_filter', start: range.start, end: range.end }) as number;
  return answer === 3 ? 'both' : answer === 2 ? 'private' : 'shared';
}
/** Commit: the attribute (shareability) of the range changes in one store. */
export const store_attributes = (range: Range, to: 'private' | 'shared'): Steps<void> =>
  tell({ op: 'store_attributes', start: range.start, end: range.end, to });
/** unmap_mapping_pages(): the host PTE of this index goes. */
export const unmap_mapping_pages = (index: Index): Steps<void> => tell({ op: 'unmap_mapping_pages', index });
/** Remove from the page cache; free_folio hook; the cache's reference goes. Under the folio lock. */
export const filemap_remove_folio = (index: Index): Steps<void> =>
  tell({ op: 'filemap_remove_folio', index });
/** kvm_gmem_has_some_shared(): does the range hold a shared index? */
export const kvm_gmem_has_some_shared = (range: Range): Steps<boolean> =>
  askFlag({ op: 'kvm_gmem_has_some_shared', start: range.start, end: range.end });
const RESTRUCTURED = ['none', 'done', 'busy', 'failed'] as const;
/**
 * folio_ref_freeze() of the huge folio around the index, and its split into 4K folios, pfns unchanged: 'none'
 * where there is no huge folio, 'busy' while it has more references than the page cache's, 'failed': -ENOMEM,
 * the huge folio is back.
 */
export function* split_folio(index: Index): Steps<(typeof RESTRUCTURED)[number]> {
  return RESTRUCTURED[(yield { op: 'split_folio', index }) as number];
}
/**
 * Waits until the huge folio around the index has no reference but the page cache's: a busy loop in the
 * kernel.
 */
export const wait_for_folio_refs = (index: Index): Steps<void> => tell({ op: 'wait_for_folio_refs', index });
/**
 * The 4K folios around the index are frozen one by one and become a huge one: 'none' where there are none, or
 * (unless `mixed`) one of them is shared, 'busy' while one of them has more references than the page cache's,
 * 'failed': -ENOMEM, the 4K folios are back.
 */
export function* merge_folio(index: Index, mixed = false): Steps<(typeof RESTRUCTURED)[number]> {
  const step = { op: 'merge_folio', index, ...(mixed ? { mixed } : {}) } as const;
  return RESTRUCTURED[(yield step) as number];
}
/** GUP-fast reads the PTE of the host's mapping without a lock. */
export const read_host_pte = (index: Index): Steps<Pfn | null> => askPfn({ op: 'read_host_pte', index });
/** The entry of the page cache, without a lock. */
export const xas_load = (index: Index): Steps<Pfn | null> => askPfn({ op: 'xas_load', index });
/** False: the page is free. The page may be another one by now: look again. */
export const folio_try_get = (pfn: Pfn): Steps<boolean> => askFlag({ op: 'folio_try_get', pfn });
export const folio_put_tried = (pfn: Pfn): Steps<void> => tell({ op: 'folio_put_tried', pfn });
export const folio_lock = (pfn: Pfn): Steps<void> => tell({ op: 'folio_lock', pfn });
/** The reference of folio_try_get() becomes the pin of the host's user thread. */
export const keep_pin = (pfn: Pfn): Steps<void> => tell({ op: 'keep_pin', pfn });
export const unpin_user_page = (): Steps<void> => tell({ op: 'unpin_user_page' });
/** The kernel writes through its direct map to the page that the host's user thread has pinned. */
export const kernel_write = (): Steps<void> => tell({ op: 'kernel_write' });
/** May vCPUs run? */
export const launch_finished = (): Steps<boolean> => askFlag({ op: 'launch_finished' });
export const launch_finish = (): Steps<void> => tell({ op: 'launch_finish' });
/** True: the page is assigned to a guest. */
export const snp_lookup_rmpentry = (pfn: Pfn): Steps<boolean> => askFlag({ op: 'snp_lookup_rmpentry', pfn });
/** The kernel copies a page of the initial image in. */
export const copy_to_page = (pfn: Pfn): Steps<void> => tell({ op: 'copy_to_page', pfn });
export const folio_mark_uptodate = (pfn: Pfn): Steps<void> => tell({ op: 'folio_mark_uptodate', pfn });
/** rmp_make_private(), immutable, and the firmware's LAUNCH_UPDATE. False: refused, and the page reclaimed: shared. */
export const snp_launch_update = (index: Index, pfn: Pfn): Steps<boolean> =>
  askFlag({ op: 'snp_launch_update', index, pfn });
/** TDH.MR.EXTEND measures the page through its leaf. False: there is none. */
export const tdh_mr_extend = (index: Index): Steps<boolean> => askFlag({ op: 'tdh_mr_extend', index });
/** TDH.MEM.PAGE.ADD with its source. False: a leaf is there, or the page belongs to a TD. */
export const tdh_mem_page_add = (index: Index, pfn: Pfn): Steps<boolean> =>
  askFlag({ op: 'tdh_mem_page_add', index, pfn });
/** Does this call of a step fail? Asked only in runs in which it may (`--fail`). */
export const fails = (step: string): Steps<boolean> => askFlag({ op: 'fails', step });
/** The conversion is over, invalidate_lock still held: is it whole, or undone? Only in runs with a failure. */
export const convert_returns = (range: Range, to: 'private' | 'shared', failed: boolean): Steps<void> =>
  tell({ op: 'convert_returns', start: range.start, end: range.end, to, failed });
/** A loop that counts an unsigned index down wraps below 0, and goes on for ever. */
export function* loop_wraps(index: Index): Steps<void> {
  yield { op: 'index_wraps', index };
  yield { op: 'loops_for_ever' };
}
/** Zero the present pages of a hole that does not cover a whole huge page. */
export const gmem_zero_range = (range: Range): Steps<void> =>
  tell({ op: 'gmem_zero_range', start: range.start, end: range.end });
/**
 * memory_failure() marks the page at the index, and takes a reference (not on rfc-v2) that nobody puts: first page and
 * range of its folio. Null where no page is present, or one that is marked already.
 */
export function* set_hwpoison(index: Index): Steps<{ readonly pfn: Pfn; readonly folio: Range } | null> {
  const answer = (yield { op: 'set_hwpoison', index }) as number;
  if (answer === 0) return null;
  const pages = answer >> FOLIO_PFN_BITS;
  const start = index - (index % pages);
  return { pfn: answer & FOLIO_PFN_MASK, folio: { start, end: start + pages } };
}
/**
 * kvm_gmem_is_private(): stale as soon as it is answered, unless invalidate_lock is held or the bracket is
 * rechecked.
 */
export const gmem_is_private = (index: Index): Steps<boolean> => askFlag({ op: 'gmem_is_private', index });
/** Is the inode backed by huge pages? Never changes. */
export const gmem_huge_inode = (): Steps<boolean> => askFlag({ op: 'gmem_huge_inode' });
/** fget() of the gmem fd: takes a reference. False: -EBADF. */
export const fget = (): Steps<boolean> => askFlag({ op: 'fget' });
/** get_file_active() of slot->gmem.file: takes a reference. False: the file is dying. */
export const get_file_active = (gfn = 0): Steps<boolean> =>
  askFlag({ op: 'get_file_active', ...slotAt(gfn) });
/** The fd goes; its reference stays with the caller. False where it was closed before. */
export const close_file = (): Steps<boolean> => askFlag({ op: 'close_file' });
/**
 * Drop a reference that fget(), get_file_active() or close_file() left (or, not counted, an area's). True: it
 * was the last one.
 */
export const fput = (counted = true): Steps<boolean> => askFlag({ op: 'fput', counted });

/**
 * Inode-level bracket, for consumers that are no VMs: in_progress++ and the range, whether a slot is bound or
 * not.
 */
export const gmem_invalidate_start = (range: Range): Steps<void> =>
  tell({ op: 'gmem_invalidate_start', start: range.start, end: range.end });
/** gmem's seq++; the smp_wmb() that follows it in gmem_invalidate_end() is the order of the two steps. */
export const gmem_invalidate_seq_inc = (): Steps<void> => tell({ op: 'gmem_invalidate_seq_inc' });
/** gmem's in_progress--. */
export const gmem_in_progress_dec = (): Steps<void> => tell({ op: 'gmem_in_progress_dec' });
/**
 * seq++; smp_wmb(); in_progress--. Two steps: readers hold a lock of their own and not one that this takes, as the
 * per-page lock of Book3S HV, for which mmu_invalidate_retry() has its smp_rmb().
 */
export function* gmem_invalidate_end(): Steps<void> {
  yield* gmem_invalidate_seq_inc();
  yield* gmem_in_progress_dec();
}
/** Snapshot; everything that may be stale must be read after this. */
export const gmem_invalidate_seq = (): Steps<number> => ask({ op: 'gmem_invalidate_seq' });
/**
 * True: an invalidation covers the index, or one has ended since the snapshot. Meaningful only under a lock
 * that start takes. in_progress; smp_rmb(); seq, in one step: where the two reads find nothing, each of them would
 * have found nothing at the time of the first.
 */
export const gmem_invalidate_retry = (seq: number, index: Index): Steps<boolean> =>
  askFlag({ op: 'gmem_invalidate_retry', seq, index });

/* ---- KVM ---- */

/**
 * mmu_lock for write, in_progress++, range_add; leaves mmu_lock held. False, and nothing held, where no slot
 * is bound in the range.
 */
export const kvm_mmu_invalidate_start = (range: Range, by: BracketBy = 'binding'): Steps<boolean> =>
  askFlag({
    op: 'kvm_mmu_invalidate_start',
    start: range.start,
    end: range.end,
    ...(by === 'binding' ? {} : { by }),
  });
/** A slot is there, or bound, in the range: the bracket that is open is about it too. Under mmu_lock. */
export const slot_in_range = (range: Range, by: BracketBy): Steps<boolean> =>
  askFlag({ op: 'slot_in_range', start: range.start, end: range.end, by });
/** The range of the open bracket grows to cover this one, under mmu_lock: one interval, with what lies between. */
export const kvm_mmu_invalidate_range_add = (range: Range): Steps<void> =>
  tell({ op: 'kvm_mmu_invalidate_range_add', start: range.start, end: range.end });
/**
 * seq++; smp_wmb(); in_progress--, under mmu_lock, and therefore one step to x86, which rechecks under it. Nothing
 * where no slot is bound in the range.
 */
export const kvm_mmu_invalidate_end = (range: Range, by: BracketBy = 'binding'): Steps<void> =>
  tell({
    op: 'kvm_mmu_invalidate_end',
    start: range.start,
    end: range.end,
    ...(by === 'binding' ? {} : { by }),
  });
/**
 * Clear the SPTEs of the range in the roots that the filter names, under mmu_lock; no flush. True: there were some.
 * Private S-EPT leaves go by the tdh_ steps.
 */
export const tdp_mmu_zap_leafs = (range: Range, filter: ZapFilter): Steps<boolean> =>
  askFlag({ op: 'tdp_mmu_zap_leafs', start: range.start, end: range.end, filter });
/** Every vCPU forgets its translations; on TDX the private ones go by tdh_mem_track(). */
export const kvm_flush_remote_tlbs = (): Steps<void> => tell({ op: 'kvm_flush_remote_tlbs' });
/** Zap and flush without a yield of mmu_lock in between. */
export function* kvm_mmu_unmap_gfn_range(range: Range, filter: ZapFilter, flush = true): Steps<void> {
  if ((yield* tdp_mmu_zap_leafs(range, filter)) && flush) yield* kvm_flush_remote_tlbs();
}
export const srcu_read_lock = (): Steps<void> => tell({ op: 'srcu_read_lock' });
export const srcu_read_unlock = (): Steps<void> => tell({ op: 'srcu_read_unlock' });
export const synchronize_srcu = (): Steps<void> => tell({ op: 'synchronize_srcu' });
/** Snapshot of kvm->mmu_invalidate_seq. */
export const mmu_invalidate_seq = (): Steps<number> => ask({ op: 'mmu_invalidate_seq' });
export const kvm_mem_is_private = (index: Index): Steps<boolean> =>
  askFlag({ op: 'kvm_mem_is_private', index });
/** The page that backs a shared gfn where shared memory is the VMM's own (Linux 7.2). */
export const hva_to_pfn = (index: Index): Steps<Pfn | null> => askPfn({ op: 'hva_to_pfn', index });
/** Under mmu_lock: is_page_fault_stale(), then install. False: stale, retry. */
export const kvm_tdp_mmu_map = (index: Index, pfn: Pfn, isPrivate: boolean, seq: number): Steps<boolean> =>
  askFlag({ op: 'kvm_tdp_mmu_map', index, pfn, private: isPrivate, seq });
/** Named by a gfn in it; the first, or only, slot is not named. */
const slotAt = (gfn: number): { readonly gfn?: number } => (gfn === 0 ? {} : { gfn });
/** The memslot in the active memslots; 'invalid' while it is being deleted. Kept by SRCU or slots_lock. */
export type MemslotState = 'none' | 'valid' | 'invalid';
export function* gfn_to_memslot(gfn = 0): Steps<MemslotState> {
  const answer = (yield { op: 'gfn_to_memslot', ...slotAt(gfn) }) as number;
  return answer === 0 ? 'none' : answer === 1 ? 'valid' : 'invalid';
}
/**
 * The active memslots are swapped, which waits for mmu notifiers that are between start and end; 'none': kfree() of
 * the slot that was deleted.
 */
export const slot_state = (to: 'valid' | 'invalid' | 'deleted' | 'none', gfn = 0): Steps<void> =>
  tell({ op: 'slot_state', to, ...slotAt(gfn) });
/** slot->gmem.file is not NULL. */
export const slot_gmem_file = (gfn = 0): Steps<boolean> => askFlag({ op: 'slot_gmem_file', ...slotAt(gfn) });
/** f->bindings and slot->gmem.file are set. False: another slot is bound there. Under invalidate_lock. */
export const kvm_gmem_store_bindings = (gfn = 0): Steps<boolean> =>
  askFlag({ op: 'kvm_gmem_store_bindings', ...slotAt(gfn) });
/** f->bindings are erased, slot->gmem.file = NULL: __kvm_gmem_unbind(). */
export const kvm_gmem_erase_bindings = (gfn = 0): Steps<void> =>
  tell({ op: 'kvm_gmem_erase_bindings', ...slotAt(gfn) });
/** slot->gmem.file = NULL for each slot in f->bindings. */
export const kvm_gmem_forget_file = (): Steps<void> => tell({ op: 'kvm_gmem_forget_file' });
/** The file leaves the list of its inode, and its bindings go. */
export const kvm_gmem_list_del = (): Steps<void> => tell({ op: 'kvm_gmem_list_del' });
/**
 * The guest touches the page through its TLB or S2: 'done' when it got through or was stopped for good, 'fault': S2
 * fault, 'size': it asks for 4K of a 2M RMP entry.
 */
export function* guest_access(index: Index, isPrivate: boolean): Steps<'done' | 'fault' | 'size'> {
  const answer = (yield { op: 'guest_access', index, private: isPrivate }) as number;
  return answer === 0 ? 'fault' : answer === 1 ? 'done' : 'size';
}
/** The VMA of the gmem file, under mmap_lock. False: user space has closed the fd, and unmapped the file. */
export const find_vma = (): Steps<boolean> => askFlag({ op: 'find_vma' });
/** User space touches its mapping: true when it got through, false: page fault. */
export const host_access = (index: Index): Steps<boolean> => askFlag({ op: 'host_access', index });
export const map_host_pte = (index: Index, pfn: Pfn): Steps<void> => tell({ op: 'map_host_pte', index, pfn });

/* ---- SNP: the VMSA of a vCPU in a page of the guest (cast vmsa) ---- */

/** vmcb->control.vmsa_pa and snp_guest_vmsa_gpa become invalid. */
export const vmsa_clear = (): Steps<void> => tell({ op: 'vmsa_clear' });
/** snp_guest_vmsa_gpa = gpa: what an invalidation looks for. Under mmu_lock. */
export const vmsa_publish_gpa = (index: Index): Steps<void> => tell({ op: 'vmsa_publish_gpa', index });
/** vmcb->control.vmsa_pa = pfn. No reference is kept. */
export const vmsa_install = (pfn: Pfn): Steps<void> => tell({ op: 'vmsa_install', pfn });
/** kvm_make_request(KVM_REQ_VMSA_PAGE_RELOAD) of this vCPU. */
export const vmsa_request_reload = (): Steps<void> => tell({ op: 'vmsa_request_reload' });
/** kvm_check_request(KVM_REQ_VMSA_PAGE_RELOAD): the gfn to reload from, or null. */
export const kvm_check_vmsa_request = (): Steps<Index | null> => askPfn({ op: 'kvm_check_vmsa_request' });
/** True: an invalidation covers the gfn, or one has ended since the snapshot. Under mmu_lock. */
export const mmu_invalidate_retry_gfn = (seq: number, index: Index): Steps<boolean> =>
  askFlag({ op: 'mmu_invalidate_retry_gfn', seq, index });
/** Each vCPU whose VMSA lies in the range is asked to reload it, and kicked. Under mmu_lock. */
export const kvm_arch_gmem_invalidate_range = (range: Range): Steps<void> =>
  tell({ op: 'kvm_arch_gmem_invalidate_range', start: range.start, end: range.end });

/* ---- page-state instructions ---- */

/**
 * RMPUPDATE to private at the gfn of the index, 2M where the folio is huge and all of it unassigned. Nothing
 * if already assigned.
 */
export const rmp_make_private = (index: Index, pfn: Pfn): Steps<void> =>
  tell({ op: 'rmp_make_private', index, pfn });
/** RMPUPDATE to shared, 4K. Livelocks (blocks) on a 2M entry: PSMASH first. */
export const rmp_make_shared = (index: Index): Steps<void> => tell({ op: 'rmp_make_shared', index });
/** True where the RMP entry of the page is 2M: snp_lookup_rmpentry(). */
export const rmp_level_is_2m = (pfn: Pfn): Steps<boolean> => askFlag({ op: 'rmp_level', pfn });
/**
 * PSMASH: of the page that the caller has looked up, or else of the one that backs the index by now. Nothing where its
 * RMP entry is 4K.
 */
export const psmash = (index: Index, pfn?: Pfn): Steps<void> =>
  tell({ op: 'psmash', index, ...(pfn === undefined ? {} : { pfn }) });
/** TDH.MEM.RANGE.BLOCK; false where no leaf is present. */
export const tdh_mem_range_block = (index: Index): Steps<boolean> =>
  askFlag({ op: 'tdh_mem_range_block', index });
/** TDH.MEM.TRACK and the kick of all vCPUs. */
export const tdh_mem_track = (index: Index): Steps<void> => tell({ op: 'tdh_mem_track', index });
/** TDH.MEM.PAGE.REMOVE of a blocked leaf. False: it failed, the leaf stays. */
export const tdh_mem_page_remove = (index: Index): Steps<boolean> =>
  askFlag({ op: 'tdh_mem_page_remove', index });
export const tdh_phymem_page_wbinvd = (index: Index): Steps<void> =>
  tell({ op: 'tdh_phymem_page_wbinvd', index });
/**
 * The guest gives the page up before it asks for shared: PVALIDATE(rescind), or nothing on a platform
 * without.
 */
export const guest_rescind = (index: Index): Steps<void> => tell({ op: 'guest_rescind', index });
/** The guest has been told that its page-state change is complete. */
export const guest_accept = (index: Index): Steps<void> => tell({ op: 'guest_accept', index });

/* ---- iommufd and the IOMMU ---- */

/** fget(), then reserve the IOVA range (area with pages == NULL, which holds the file). */
export function* iopt_insert_area(range: Range): Steps<0 | '-EBADF' | '-EEXIST'> {
  const answer = (yield { op: 'iopt_insert_area', start: range.start, end: range.end }) as number;
  return answer === 0 ? 0 : answer === 1 ? '-EBADF' : '-EEXIST';
}
/** area->pages = pages. */
export const iopt_area_ready = (range: Range): Steps<void> =>
  tell({ op: 'iopt_area_ready', start: range.start, end: range.end });
/**
 * The lowest area that meets the range gets area->pages = NULL: it, or null where there is none, or why it
 * may not go.
 */
export function* iopt_area_begin_unmap(range: Range): Steps<Range | null | 'busy' | 'cut'> {
  const answer = (yield { op: 'iopt_area_begin_unmap', start: range.start, end: range.end }) as number;
  if (answer < 3) return answer === 0 ? null : answer === 1 ? 'busy' : 'cut';
  return { start: (answer - 3) >> AREA_END_BITS, end: ((answer - 3) & AREA_END_MASK) + 1 };
}
/** The lowest area with pages that begins in the range: iopt_area_iter_first(), _next(). Under iova_rwsem. */
export function* iopt_area_iter(range: Range): Steps<Range | null> {
  const answer = (yield { op: 'iopt_area_iter', start: range.start, end: range.end }) as number;
  return answer === 0
    ? null
    : { start: (answer - 1) >> AREA_END_BITS, end: ((answer - 1) & AREA_END_MASK) + 1 };
}
/** iopt->domains is not empty. Under domains_rwsem. */
export const iopt_has_domain = (): Steps<boolean> => askFlag({ op: 'iopt_has_domain' });
/** xa_store() or xa_erase() of the domain in iopt->domains. Under domains_rwsem and iova_rwsem for write. */
export const iopt_set_domain = (attached: boolean): Steps<void> => tell({ op: 'iopt_set_domain', attached });
const areaIn = (answer: number): Range => ({
  start: answer >> AREA_END_BITS,
  end: (answer & AREA_END_MASK) + 1,
});
/** The lowest area that meets the range, where it may go, but for its accesses; or null. Under iova_rwsem for write. */
export function* iopt_area_num_accesses(range: Range): Steps<Range | null> {
  const answer = (yield { op: 'iopt_area_num_accesses', start: range.start, end: range.end }) as number;
  return answer === 0 ? null : areaIn(answer - 1);
}
/** area->prevent_access = true. Under iova_rwsem for write. */
export const iopt_area_prevent_access = (range: Range): Steps<void> =>
  tell({ op: 'iopt_area_prevent_access', start: range.start, end: range.end });
/** iopt_area_contig_init(), _next(): the area with pages that covers the iova. Under iova_rwsem. */
export function* iopt_area_contig(iova: Iova): Steps<Range | null | 'prevented'> {
  const answer = (yield { op: 'iopt_area_contig', iova }) as number;
  return answer < 2 ? (answer === 0 ? null : 'prevented') : areaIn(answer - 2);
}
/** The same for who gives pages back: prevent_access is not looked at. */
export function* iopt_area_contig_unpin(iova: Iova): Steps<Range | null> {
  const answer = (yield { op: 'iopt_area_contig', iova, unpin: true }) as number;
  return answer === 0 ? null : areaIn(answer - 2);
}
/** area->num_accesses++, and the interval goes into access_itree. Under pages->mutex. */
export const iopt_area_num_accesses_inc = (range: Range): Steps<void> =>
  tell({ op: 'iopt_area_add_access', start: range.start, end: range.end });
export const iopt_area_num_accesses_dec = (range: Range): Steps<void> =>
  tell({ op: 'iopt_area_remove_access', start: range.start, end: range.end });
/** xa_store() in pages->pinned_pfns, and the entry of out_pages: from here on the driver has the page. */
export const iopt_pages_xa_store = (iova: Iova, pfn: Pfn): Steps<void> =>
  tell({ op: 'iopt_pages_xa_store', iova, pfn });
export const iopt_pages_xa_erase = (range: Range): Steps<void> =>
  tell({ op: 'iopt_pages_xa_erase', start: range.start, end: range.end });
/** What the driver has pinned, or null. Under staccess->lock. */
export function* staccess_items(): Steps<Range | null> {
  const answer = (yield { op: 'staccess_items' }) as number;
  return answer === 0 ? null : areaIn(answer - 1);
}
/** kmap_local_page() and memcpy(), from or to the page. */
export const batch_rw = (iova: Iova, pfn: Pfn, write: boolean): Steps<void> =>
  tell({ op: 'batch_rw', iova, pfn, write });
export const iopt_abort_area = (range: Range): Steps<void> =>
  tell({ op: 'iopt_abort_area', start: range.start, end: range.end });
/**
 * Write the IOPTEs of one run: one leaf when `pages` is a whole aligned huge page, else 4K leaves. False:
 * -ENOMEM, nothing written.
 */
export const iommu_map = (iova: Iova, pfn: Pfn, pages = 1): Steps<boolean> =>
  askFlag({ op: 'iommu_map', iova, pfn, pages });
/**
 * Clear the IOPTEs of the range (a huge leaf goes whole) and add them to this thread's gather; no flush: the
 * kernel's iommu_unmap() is this and iotlb_sync().
 */
export const iommu_unmap_fast = (range: Range): Steps<void> =>
  tell({ op: 'iommu_unmap_fast', start: range.start, end: range.end });
/**
 * iommu_iotlb_sync(): queue the invalidation of the range, in the IOTLB and then in the device TLBs (--ats).
 * Complete only after iommu_completion_wait().
 */
export const iotlb_gather_sync = (range: Range): Steps<void> =>
  tell({ op: 'iotlb_gather_sync', start: range.start, end: range.end });
/** Waits until the invalidations that this thread queued are done. */
export const iommu_completion_wait = (range: Range): Steps<void> =>
  tell({ op: 'iommu_completion_wait', start: range.start, end: range.end });
/** iommu_iotlb_sync() as drivers do it: queue, then wait. */
export const iotlb_sync = (range: Range): Steps<void> => noted(queueAndWait(range), 'iotlb_sync');
function* queueAndWait(range: Range): Steps<void> {
  yield* iotlb_gather_sync(range);
  yield* iommu_completion_wait(range);
}
/** The pfn that the IOPTE at this iova points to, or null. */
export const iommu_iova_to_phys = (iova: Iova): Steps<Pfn | null> =>
  askPfn({ op: 'iommu_iova_to_phys', iova });
/** The area that covers the iova, be it filling, mapped or leaving; or null. */
export function* iopt_area_of(iova: Iova): Steps<Range | null> {
  const answer = (yield { op: 'iopt_area_of', iova }) as number;
  return answer === 0
    ? null
    : { start: (answer - 1) >> AREA_END_BITS, end: ((answer - 1) & AREA_END_MASK) + 1 };
}

/* ---- a dma-buf: iommufd, and vfio-pci that exports a BAR (cast dmabuf) ---- */

/** iopt_insert_area() for the iopt_pages that the thread has attached: fixed IOVA. */
export function* iopt_insert_dmabuf_area(range: Range): Steps<0 | '-EEXIST'> {
  const step = { op: 'iopt_insert_area', start: range.start, end: range.end, dmabuf: true } as const;
  return (yield step) === 0 ? 0 : '-EEXIST';
}
/** The exporter's attach op: false where it is revoked. Under no lock. */
export const vfio_pci_dma_buf_attach = (): Steps<boolean> => askFlag({ op: 'vfio_pci_dma_buf_attach' });
/** list_add() of a new iopt_pages, phys.len 0, to dmabuf->attachments. Under dma_resv. */
export const dma_buf_list_add = (): Steps<void> => tell({ op: 'dma_buf_dynamic_attach' });
/** list_del() of what the thread has outside of an area. Under dma_resv. */
export const dma_buf_list_del = (): Steps<void> => tell({ op: 'dma_buf_detach' });
/** pages->dmabuf.phys is filled in; false where it is revoked: -ENODEV. Under dma_resv. */
export const vfio_pci_dma_buf_iommufd_map = (): Steps<boolean> =>
  askFlag({ op: 'vfio_pci_dma_buf_iommufd_map' });
export const iopt_is_dmabuf = (iova: Iova): Steps<boolean> => askFlag({ op: 'iopt_is_dmabuf', iova });
/** pages->dmabuf.phys of the area; null where its len is 0: iopt_dmabuf_revoked(). Under pages->mutex. */
export const iopt_dmabuf_phys = (iova: Iova): Steps<Pfn | null> => askPfn({ op: 'iopt_dmabuf_phys', iova });
/** pages->dmabuf.phys.len = 0. Under pages->mutex. */
export const iopt_dmabuf_set_revoked = (iova: Iova): Steps<void> =>
  tell({ op: 'iopt_dmabuf_set_revoked', iova });
/** The list of pairs of area and domain: is there one? Under pages->mutex. */
export const iopt_dmabuf_tracker = (iova: Iova): Steps<boolean> =>
  askFlag({ op: 'iopt_dmabuf_tracker', iova });
export const iopt_dmabuf_track_domain = (iova: Iova): Steps<void> =>
  tell({ op: 'iopt_dmabuf_track_domain', iova });
export const iopt_dmabuf_untrack_domain = (iova: Iova): Steps<void> =>
  tell({ op: 'iopt_dmabuf_untrack_domain', iova });
/** iommu_unmap() of pages.c, which warns where it did not unmap all of the range: the first half, see iotlb_sync(). */
export const iommu_unmap_nofail_fast = (range: Range): Steps<void> =>
  tell({ op: 'iommu_unmap_fast', start: range.start, end: range.end, nofail: true });
/**
 * dmabuf->attachments: the areas whose iopt_pages are on it, ascending. Those without an area, or without one any more,
 * are revoked in the same step: nobody else looks at their phys before there is an area. Under dma_resv.
 */
export function* dma_buf_attachments(): Steps<Iova[]> {
  return iovasIn((yield { op: 'dma_buf_attachments' }) as number);
}
export const iovasIn = (mask: number): Iova[] =>
  Array.from({ length: IOVAS_MAX }, (_, iova) => iova).filter((iova) => ((mask >> iova) & 1) === 1);
/** priv->revoked of the exporter. Under memory_lock. */
export const dma_buf_revoked = (): Steps<boolean> => askFlag({ op: 'dma_buf_revoked' });
/** priv->revoked = revoked. Under memory_lock and dma_resv. */
export const dma_buf_set_revoked = (revoked: boolean): Steps<void> =>
  tell({ op: 'dma_buf_set_revoked', revoked });
/** The BAR goes, or comes back. Under memory_lock. */
export const vfio_pci_set_power_state = (state: 'PCI_D0' | 'PCI_D3hot'): Steps<void> =>
  tell({ op: 'vfio_pci_set_power_state', state });

/* ---- devices ---- */

/**
 * Translation through IOTLB or table walk; true: in flight, false: faulted, or not issued by an honest guest
 * that thinks otherwise of the page.
 */
export const dma_translate = (
  iova: Iova,
  write: boolean,
  trusted: boolean,
  isPrivate: boolean,
  honest: boolean,
): Steps<boolean> => askFlag({ op: 'dma_translate', iova, write, trusted, private: isPrivate, honest });
export const dma_commit = (): Steps<void> => tell({ op: 'dma_commit' });

/* ---- registers of a policy ---- */

/** State of the policy's own that outlives a call; declared in Policy.registers, 0 at first. */
export const read_register = (register: string, slot = 0): Steps<number> =>
  ask({ op: 'read_register', register, slot });
export const write_register = (register: string, slot: number, value: number): Steps<void> =>
  tell({ op: 'write_register', register, slot, value });
