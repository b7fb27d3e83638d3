// One step of each kind, and the answers whose words are looked at.

import { LOCKS, type Step } from '../api/index.ts';

type Said = readonly [step: Step, ...answers: number[]];

const range = { start: 0, end: 2 } as const;
const page = { index: 1 } as const;
const pfn = { pfn: 5 } as const;
const ofIndex = (op: Extract<Step, { readonly index: number }>['op'], ...answers: number[]): Said => [
  { op, ...page } as Step,
  ...answers,
];
const ofRange = (op: Step['op'], ...answers: number[]): Said => [{ op, ...range } as Step, ...answers];
const ofPfn = (op: Step['op'], ...answers: number[]): Said => [{ op, ...pfn } as Step, ...answers];
const alone = (op: Step['op'], ...answers: number[]): Said => [{ op } as Step, ...answers];

export const STEPS: readonly Said[] = [
  ...LOCKS.flatMap((lock): Said[] => [
    [{ op: 'lock', lock, mode: 'write' }],
    [{ op: 'unlock', lock, mode: 'write' }],
  ]),
  [{ op: 'lock', lock: 'invalidate_lock', mode: 'read' }],
  [{ op: 'unlock', lock: 'invalidate_lock', mode: 'read' }],
  ofIndex('kvm_gmem_get_folio', 0, 6),
  ofIndex('filemap_lock_folio', 0, 6),
  ofIndex('filemap_remove_folio'),
  ofIndex('unmap_mapping_pages'),
  ofPfn('folio_unlock'),
  ofPfn('folio_put'),
  ofPfn('folio_test_hwpoison', 0, 1),
  ofPfn('clear_highpage'),
  ofPfn('pin_folio'),
  ofPfn('unpin_folio'),
  [{ op: 'iopt_pages_add_npinned', pages: 1 }],
  [{ op: 'iopt_pages_sub_npinned', pages: 1 }],
  ofRange('safe_refcount', 0, 2),
  [{ op: 'compute_work', ...range, to: 'private' }, 0, 2, 6],
  [{ op: 'store_attributes', ...range, to: 'shared' }],
  ofIndex('wait_for_folio_refs'),
  ofIndex('split_folio', 0, 1, 2),
  ofIndex('merge_folio', 0, 1),
  ofIndex('set_hwpoison', 0, 1),
  ofIndex('gmem_is_private', 0, 1),
  ofRange('gmem_invalidate_start'),
  ofRange('gmem_invalidate_end'),
  alone('gmem_invalidate_seq', 3),
  [{ op: 'gmem_invalidate_retry', seq: 3, index: 1 }, 0, 1],
  alone('fget', 0, 1),
  alone('get_file_active', 0, 1),
  alone('gmem_huge_inode', 0, 1),
  alone('close_file', 0, 1),
  [{ op: 'fput', counted: true }, 0, 1],
  ofRange('gmem_zero_range'),
  ofRange('kvm_mmu_invalidate_start', 0, 1),
  ofRange('kvm_mmu_invalidate_end'),
  [{ op: 'kvm_mmu_unmap_gfn_range', ...range, filter: 'both', flush: true }],
  alone('srcu_read_lock'),
  alone('srcu_read_unlock'),
  alone('synchronize_srcu'),
  alone('mmu_invalidate_seq', 3),
  ofIndex('kvm_mem_is_private', 0, 1),
  ofIndex('hva_to_pfn', 0, 6),
  [{ op: 'kvm_tdp_mmu_map', ...page, ...pfn, private: true, seq: 3 }, 0, 1],
  [{ op: 'slot_state', to: 'invalid' }],
  alone('slot_bound', 0, 1),
  [{ op: 'guest_access', ...page, private: true }, 0, 1],
  ofIndex('host_access', 0, 1),
  [{ op: 'map_host_pte', ...page, ...pfn }],
  [{ op: 'rmp_make_private', ...page, ...pfn }],
  ofPfn('rmp_level', 0, 1),
  ofIndex('rmp_make_shared'),
  ofIndex('psmash'),
  ofIndex('tdh_mem_range_block', 0, 1),
  ofIndex('tdh_mem_track'),
  ofIndex('tdh_mem_page_remove'),
  ofIndex('tdh_phymem_page_wbinvd'),
  ofIndex('guest_rescind'),
  ofIndex('guest_accept'),
  ofRange('iopt_insert_area', 0, 1, 2),
  ofRange('iopt_area_ready'),
  ofRange('iopt_area_begin_unmap', 0, 1, 2, 4),
  ofRange('iopt_abort_area'),
  [{ op: 'iommu_map', iova: 0, ...pfn, pages: 1 }, 0, 1],
  ofRange('iommu_unmap'),
  ofRange('iotlb_gather_sync'),
  ofRange('iommu_completion_wait'),
  [{ op: 'iommu_iova_to_phys', iova: 0 }, 0, 6],
  [{ op: 'iopt_area_of', iova: 0 }, 0, 2],
  [{ op: 'dma_translate', iova: 0, write: true, trusted: false, private: false, honest: false }, 0, 1],
  alone('dma_commit'),
  [{ op: 'read_register', register: 'revoked', slot: 0 }, 1],
  [{ op: 'write_register', register: 'revoked', slot: 0, value: 1 }],
];
