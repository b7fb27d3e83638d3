// Near the end of a run, when no call will be started any more, most of what threads share is at rest. A step of
// meetsOf() that meets none of the bits that the calls in flight may still touch commutes with all of them: the search
// takes it at once. A bit says no more than what some meetsOf() asks for: who adds one there looks through TOUCHES.

import type { Step } from '../../api/index.ts';
import { FILE } from '../machine.ts';
import type { Exec, State } from './context.ts';

/* What steps may touch in a way that others could tell. */
export const ATTRIBUTES = 1 << 0; /* changes them */
export const POISON = 1 << 1; /* sets it */
export const SEQ = 1 << 2; /* changes mmu_invalidate_seq */
export const SEQ_READ = 1 << 3;
export const BRACKET = 1 << 4; /* needs mmu_invalidate_in_progress or the range */
export const GMEM_SEQ = 1 << 5; /* changes the inode's seq */
export const GMEM_SEQ_READ = 1 << 6;
export const REFS = 1 << 7; /* counts references, or drops the one of the page cache */
export const SLOTS = 1 << 8; /* changes memslots or bindings while the file is open */
export const HUGE = 1 << 9; /* reads whether the inode is huge */
export const CLOSE = 1 << 10; /* takes the fd away */
export const RELEASE = 1 << 11; /* takes slots from the file, once nobody has it */
export const MMU_LOCK = 1 << 12; /* takes it and may keep it */
/** A step that is not named below: every bit. */
const ANYTHING = -1;

const TOUCHES: { readonly [op in Step['op']]?: number } = {
  store_attributes: ATTRIBUTES | REFS,
  set_hwpoison: POISON,
  kvm_mmu_invalidate_start: BRACKET,
  kvm_mmu_invalidate_range_add: BRACKET,
  tdp_mmu_zap_leafs: BRACKET,
  kvm_mmu_invalidate_end: BRACKET | SEQ,
  kvm_tdp_mmu_map: BRACKET | SEQ_READ,
  mmu_invalidate_seq: SEQ_READ,
  mmu_invalidate_retry_gfn: BRACKET | SEQ_READ,
  gmem_invalidate_seq_inc: GMEM_SEQ,
  gmem_invalidate_seq: GMEM_SEQ_READ,
  gmem_invalidate_retry: GMEM_SEQ_READ,
  safe_refcount: REFS,
  folio_ref_count: REFS,
  wait_for_folio_refs: REFS,
  filemap_remove_folio: REFS,
  unpin_folio: REFS,
  split_folio: REFS,
  lru_add_drain_all: REFS,
  merge_folio: REFS | HUGE,
  kvm_gmem_get_folio: HUGE,
  compute_work: HUGE,
  gmem_huge_inode: HUGE,
  slot_state: SLOTS,
  kvm_gmem_store_bindings: SLOTS,
  kvm_gmem_erase_bindings: SLOTS,
  kvm_gmem_forget_file: RELEASE,
  kvm_gmem_list_del: RELEASE,
  close_file: CLOSE,
  index_wraps: 0,
  loops_for_ever: 0,
  folio_order: 0,
  wild_pointer: 0,
  kvm_arch_gmem_invalidate_range: 0,
  find_vma: 0,
  fget: 0,
  fput: 0,
  get_file_active: 0,
  slot_gmem_file: 0,
  gfn_to_memslot: 0,
  lock: 0,
  unlock: 0,
  folio_unlock: 0,
  filemap_lock_folio: 0,
  folio_put: 0,
  folio_test_hwpoison: 0,
  clear_highpage: 0,
  gmem_zero_range: 0,
  unmap_mapping_pages: 0,
  pin_folio: 0,
  iopt_pages_add_npinned: 0,
  iopt_pages_sub_npinned: 0,
  range_has_attributes: 0,
  filemap_get_folios: 0,
  get_invalidate_filter: 0,
  kvm_gmem_has_some_shared: 0,
  gmem_is_private: 0,
  kvm_mem_is_private: 0,
  slot_in_range: 0,
  gmem_invalidate_start: 0,
  gmem_in_progress_dec: 0,
  kvm_flush_remote_tlbs: 0,
  srcu_read_lock: 0,
  srcu_read_unlock: 0,
  synchronize_srcu: 0,
  guest_access: 0,
  host_access: 0,
  map_host_pte: 0,
  rmp_make_private: 0,
  rmp_make_shared: 0,
  rmp_level: 0,
  psmash: 0,
  tdh_mem_range_block: 0,
  tdh_mem_track: 0,
  tdh_mem_page_remove: 0,
  tdh_phymem_page_wbinvd: 0,
  guest_rescind: 0,
  guest_accept: 0,
  iopt_insert_area: 0,
  iopt_area_ready: 0,
  iopt_area_begin_unmap: 0,
  iopt_abort_area: 0,
  iopt_area_of: 0,
  iommu_map: 0,
  iommu_unmap_fast: 0,
  iotlb_gather_sync: 0,
  iommu_completion_wait: 0,
  iommu_iova_to_phys: 0,
  dma_translate: 0,
  dma_commit: 0,
  read_register: 0,
  write_register: 0,
};

export const touches = (step: Step): number =>
  step.op === 'lock' && step.lock === 'mmu_lock' ? MMU_LOCK : (TOUCHES[step.op] ?? ANYTHING);

/**
 * What nobody else may touch any more for the step to be taken at once; 0 where that depends on the state and it
 * may not. Null: never.
 */
function meetsOf({ machine, view }: Exec, step: Step): ((m: State) => number) | null {
  const { at, pool, config } = machine;
  switch (step.op) {
    case 'gmem_is_private':
    case 'kvm_mem_is_private':
      return () => ATTRIBUTES;
    case 'mmu_invalidate_seq':
      return () => SEQ;
    case 'gmem_invalidate_seq':
      return () => GMEM_SEQ;
    case 'gmem_invalidate_seq_inc':
      return () => GMEM_SEQ_READ;
    /* waits for mmu_lock; counts only for slots that are there, or bound; a file that nobody closes is not released */
    case 'kvm_mmu_invalidate_end':
      return (m) => BRACKET | SEQ_READ | MMU_LOCK | SLOTS | (m[at.file] === FILE.open ? CLOSE : RELEASE);
    case 'gfn_to_memslot':
      return () => SLOTS;
    /* where nobody takes the fd away, none of these is the last */
    case 'fget':
    case 'fput':
      return (m) => (m[at.file] === FILE.open ? CLOSE : 0);
    /* and the slot has the file */
    case 'get_file_active':
      return (m) => (m[at.file] === FILE.open ? SLOTS | CLOSE : 0);
    /* never cleared; but on rfc-v2 a split or a merge may make another page the first of the folio */
    case 'folio_test_hwpoison':
      return (m) => {
        if (config.base !== 'rfc-v2') return POISON;
        for (let pfn = 0; pfn < pool; pfn++) if (m[at.hwpoison + pfn] === 1) return 0;
        return POISON;
      };
    /* the page cache keeps the page; a reference that is not there may be somebody's who comes first */
    case 'folio_put':
      return (m) => {
        const first = view.head(m, step.pfn);
        return m[at.lookup_refs + first] > 0 && view.indexOf(m, first) >= 0 ? REFS : 0;
      };
    default:
      return null;
  }
}

/** What the engine asks, see Domain; by the number of the step. */
export interface Meetings {
  readonly touches: (op: number) => number;
  readonly kind: (op: number) => number;
  readonly meets: (op: number, m: State) => number;
  readonly rare: number;
  readonly forgets: number;
  readonly forget: (m: State, touched: number) => void;
}

export function makeMeetings(exec: Exec, steps: readonly Step[]): Meetings {
  const { at } = exec.machine;
  const kinds = new Map<string, number>();
  const meets: (((m: State) => number) | null)[] = [];
  return {
    touches: (op) => touches(steps[op]),
    kind: (op) => {
      const { op: name } = steps[op];
      if (!kinds.has(name)) kinds.set(name, kinds.size);
      return kinds.get(name) ?? 0;
    },
    meets: (op, m) => {
      for (let k = meets.length; k <= op; k++) meets.push(meetsOf(exec, steps[k]));
      return meets[op]?.(m) ?? 0;
    },
    rare: CLOSE,
    forgets: HUGE | SEQ_READ | GMEM_SEQ_READ,
    /** Sets to 0 what no call in flight will read any more. */
    forget: (m, touched) => {
      if ((touched & HUGE) === 0) m[at.huge_inode] = 0;
      if ((touched & SEQ_READ) === 0) m[at.mmu_invalidate_seq] = 0;
      if ((touched & GMEM_SEQ_READ) === 0) m[at.gmem_seq] = 0;
    },
  };
}
