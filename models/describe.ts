// Words for everything that a report prints of a trace: one line a step, in the kernel's words, function
// names with ().

import type { LockName, Step } from '../api/index.ts';
import { HOST_WORDS } from './describe-host.ts';
import { ACCESS_WORDS } from './describe-access.ts';
import { DMABUF_WORDS } from './describe-dmabuf.ts';
import { KVM_WORDS } from './describe-kvm.ts';
import { area, either, fault, gfn, index, iova, pfnOr, plural, subranges, truth } from './describe-words.ts';
import { type Machine, inPlace } from './machine.ts';
import type { MachineState } from './view.ts';

/** A step and its answer in words. */
export interface StepText {
  /** Greppable: the function, or the instruction. */
  readonly step: string;
  readonly text: string;
  /** Empty where there is nothing to say. */
  readonly answer: string;
  readonly args: { readonly [name: string]: string | number | boolean };
}

/** What the step was made in, where it is known: a DMA says which page it found. */
export interface Seen {
  readonly thread: number;
  readonly before: MachineState;
  readonly after: MachineState;
}

type Op = Step['op'];
/** The members of Step that have this op: some share one. */
type Of<K extends Op> = Step extends infer S
  ? S extends { op: infer O }
    ? K extends O
      ? S
      : never
    : never
  : never;
/** What is done, and how an answer reads. */
type Words = readonly [text: string, answer?: (answer: number) => string];

interface Context {
  readonly machine: Machine;
  readonly seen: Seen | null;
}

const rwsem = (name: string, mode: 'write' | 'read', un: string): string =>
  `${un === '' ? 'down' : 'up'}_${mode}(&${name})`;
type Naming = (mode: 'write' | 'read', un: string) => string;
const LOCK_TEXT: { readonly [K in LockName]: Naming } = {
  slots_lock: (_mode, un) => `mutex_${un}lock(&kvm->slots_lock)`,
  /* user space's own, e.g. QEMU's BQL */
  vmm_lock: (_mode, un) => `user space: ${un}lock(BQL)`,
  invalidate_lock: (mode, un) => `filemap_invalidate_${un}lock${mode === 'read' ? '_shared' : ''}()`,
  mmu_lock: (mode, un) => `${mode}_${un}lock(&kvm->mmu_lock)`,
  pages_mutex: (_mode, un) => `mutex_${un}lock(&pages->mutex)`,
  domains_rwsem: (mode, un) => rwsem('iopt->domains_rwsem', mode, un),
  iova_rwsem: (mode, un) => rwsem('iopt->iova_rwsem', mode, un),
  mmap_lock: (mode, un) => `mmap_${mode}_${un}lock()`,
  memory_lock: (mode, un) => rwsem('vdev->memory_lock', mode, un),
  dma_resv: (_mode, un) => `dma_resv_${un}lock()`,
  user_pages_mutex: (_mode, un) => `mutex_${un}lock(&pages->mutex) of user memory`,
  dmabuf_pages_mutex: (_mode, un) => `mutex_${un}lock(&pages->mutex) of a dma-buf`,
  ioas_lock: (_mode, un) => `mutex_${un}lock(&access->ioas_lock)`,
  staccess_lock: (_mode, un) => `mutex_${un}lock(&staccess->lock)`,
};

function mapText({ machine }: Context, step: Of<'iommu_map'>): string {
  const { pages, pfn } = step;
  if (pages === 1) return `iommu_map() iova ${step.iova} -> pfn ${pfn}, 4K`;
  const { huge } = machine;
  const leaf = pages === huge && step.iova % huge === 0 && pfn % huge === 0 ? '2M' : '4K';
  const end = { iova: step.iova + pages, pfn: pfn + pages };
  return `iommu_map() iova [${step.iova},${end.iova}) -> pfn [${pfn},${end.pfn}), ${leaf}`;
}

const kindOf = (isPrivate: boolean): string => (isPrivate ? ', private' : '');

/** The DMA that this thread has in flight in that state. */
function flight(
  { machine, seen }: Context,
  when: 'before' | 'after',
): { write: boolean; pfn: number } | null {
  if (seen === null) return null;
  const device = seen.thread - machine.threads.findIndex((thread) => thread.kind === 'device');
  const pfn = seen[when][machine.at.dma + device];
  return pfn === 0 ? null : { write: seen[when][machine.at.dma_write + device] === 1, pfn: pfn - 1 };
}

function translateText(context: Context, step: Of<'dma_translate'>): Words {
  const found = flight(context, 'after');
  const what = `DMA ${step.write ? 'write' : 'read'} iova ${step.iova}${kindOf(step.private)}`;
  if (found !== null) return [`${what}: translated to pfn ${found.pfn}`];
  return [what, either(step.honest ? 'not issued, or faulted' : 'faulted', 'translated')];
}

function commitText(context: Context): string {
  const made = flight(context, 'before');
  return made === null ? 'DMA commits' : `DMA ${made.write ? 'write' : 'read'} reaches pfn ${made.pfn}`;
}

function beginUnmapAnswer(answer: number): string {
  if (answer < 3) return ['no area', '-EBUSY', '-ENOENT'][answer] ?? '';
  return area(answer - 3);
}

/** Renamed after RFC v2. */
const startText = ({ machine }: Context): string =>
  `kvm_mmu_invalidate_${machine.config.base === 'rfc-v2' ? 'begin' : 'start'}()`;

function storeText({ machine }: Context, step: Of<'store_attributes'>): string {
  if (machine.config.base === 'v8') return `mas_store_prealloc() ${index(step)} to ${step.to}`;
  if (inPlace(machine.config)) return `kvm_gmem_shareability_store() ${index(step)} to ${step.to}`;
  return `xa_store(&kvm->mem_attr_array) ${gfn(step)} to ${step.to}`;
}

const WORDS: { readonly [K in Op]: (step: Of<K>, context: Context) => Words } = {
  /* locks */
  lock: (s) => [LOCK_TEXT[s.lock](s.mode, '')],
  unlock: (s) => [LOCK_TEXT[s.lock](s.mode, 'un')],
  /* guest_memfd */
  kvm_gmem_get_folio: (s) => [`kvm_gmem_get_folio() index ${s.index}`, pfnOr('-ENOMEM')],
  filemap_lock_folio: (s) => [`filemap_lock_folio() index ${s.index}`, pfnOr('-ENOENT')],
  filemap_remove_folio: (s) => [`filemap_remove_folio() index ${s.index}${fault(s)}`],
  unmap_mapping_pages: (s) => [`unmap_mapping_pages() index ${s.index}`],
  folio_unlock: (s) => [`folio_unlock() pfn ${s.pfn}`],
  folio_put: (s) => [`folio_put() pfn ${s.pfn}`],
  folio_test_hwpoison: (s) => [`folio_test_hwpoison() pfn ${s.pfn}`, truth],
  clear_highpage: (s) => [`clear_highpage() pfn ${s.pfn}`],
  pin_folio: (s) => [`pin_folio() pfn ${s.pfn}`],
  unpin_folio: (s) => [`unpin_folio() pfn ${s.pfn}`],
  folio_order: (s) => [`folio_order() pfn ${s.pfn}`, either('4K', '2M')],
  folio_test_large: (s) => [`folio_test_large() pfn ${s.pfn}`, truth],
  wild_pointer: (s) => [
    s.pointer === 'ERR_PTR' ? 'follows an ERR_PTR' : `follows ${s.pointer} beyond what was set`,
  ],
  iopt_pages_add_npinned: (s) => [`iopt_pages_add_npinned() ${plural(s.pages, 'page')}`],
  iopt_pages_sub_npinned: (s) => [`iopt_pages_sub_npinned() ${plural(s.pages, 'page')}`],
  safe_refcount: (s) => [
    `kvm_gmem_has_safe_refcount() ${index(s)}`,
    (a) => (a === 0 ? 'true' : `false, index ${a - 1}`),
  ],
  filemap_get_folios: (s) => [
    `filemap_get_folios() ${index(s)}`,
    (a) => (a === 0 ? 'none' : `index ${subranges(a, s.start)}`),
  ],
  folio_ref_count: (s) => [`folio_ref_count() of index ${s.index}`, either('too high', 'as expected')],
  lru_add_drain_all: () => ['lru_add_drain_all()'],
  range_has_attributes: (s) => [`kvm_gmem_range_has_attributes() ${index(s)}, ${s.to}`, truth],
  mas_preallocate: (s) => [`mas_preallocate() ${index(s)}`, either('-ENOMEM', '')],
  get_invalidate_filter: (s) => [
    `kvm_gmem_get_invalidate_filter() ${index(s)}`,
    (a) => ['none', 'shared', 'private', 'both'][a] ?? '',
  ],
  store_attributes: (s, c) => [`${storeText(c, s)}${fault(s)}`],
  wait_for_folio_refs: (s) => [`wait for the references to the folio of index ${s.index}`],
  ...HOST_WORDS,
  gmem_is_private: (s) => [`kvm_gmem_is_private() index ${s.index}`, truth],
  gmem_invalidate_start: (s) => [`gmem_invalidate_start() ${index(s)} (proposed)${fault(s)}`],
  gmem_invalidate_seq_inc: () => ['seq++ of guest_memfd (proposed)'],
  gmem_in_progress_dec: () => ['in_progress-- of guest_memfd (proposed)'],
  gmem_invalidate_seq: () => ['gmem_invalidate_seq() (proposed)', (a) => `seq ${a}`],
  gmem_invalidate_retry: (s) => [
    `gmem_invalidate_retry() seq ${s.seq}, index ${s.index} (proposed)${fault(s)}`,
    truth,
  ],
  fget: () => ['fget() of the gmem fd', either('-EBADF', '')],
  get_file_active: () => ['get_file_active() of the slot', either('NULL', '')],
  gmem_huge_inode: () => ['inode backed by huge pages', truth],
  find_vma: () => ['find_vma() of the mapping', either('none', '')],
  close_file: () => ['the gmem fd is closed', either('-EBADF', '')],
  fput: () => ['fput() of the gmem file', either('', 'last reference')],
  gmem_zero_range: (s) => [`kvm_gmem_zero_range() ${index(s)}`],
  /* KVM */
  kvm_mmu_invalidate_start: (s, c) => [`${startText(c)} ${gfn(s)}${fault(s)}`, either('no slot', '')],
  kvm_mmu_invalidate_range_add: (s) => [`kvm_mmu_invalidate_range_add() ${gfn(s)}`],
  kvm_mmu_invalidate_end: (s) => [`kvm_mmu_invalidate_end() ${gfn(s)}${fault(s)}`],
  tdp_mmu_zap_leafs: (s) => [
    `tdp_mmu_zap_leafs() ${gfn(s)}${s.filter === 'both' ? '' : `, ${s.filter}`}`,
    either('none present', ''),
  ],
  kvm_flush_remote_tlbs: () => ['kvm_flush_remote_tlbs()'],
  srcu_read_lock: () => ['srcu_read_lock(&kvm->srcu)'],
  srcu_read_unlock: () => ['srcu_read_unlock(&kvm->srcu)'],
  synchronize_srcu: () => ['synchronize_srcu(&kvm->srcu)'],
  mmu_invalidate_seq: () => ['read kvm->mmu_invalidate_seq', (a) => `seq ${a}`],
  kvm_mem_is_private: (s) => [`kvm_mem_is_private() gfn ${s.index}`, truth],
  hva_to_pfn: (s) => [`hva_to_pfn() gfn ${s.index}`, pfnOr('-EFAULT')],
  kvm_tdp_mmu_map: (s) => [
    `kvm_tdp_mmu_map() gfn ${s.index} -> pfn ${s.pfn}${kindOf(s.private)}${fault(s)}`,
    either('stale, retry', ''),
  ],
  ...KVM_WORDS,
  guest_access: (s) => [
    `guest touches gfn ${s.index} as ${s.private ? 'private' : 'shared'}`,
    (a) => ['S2 fault', '', 'RMP fault: 4K of a 2M entry'][a] ?? '',
  ],
  host_access: (s) => [`user space touches index ${s.index}`, either('page fault', '')],
  map_host_pte: (s) => [`set_pte() index ${s.index} -> pfn ${s.pfn}`],
  /* page-state instructions */
  rmp_make_private: (s, c) => [`RMPUPDATE pfn ${s.pfn} to private, gfn ${c.machine.gfnOf[s.index]}`],
  rmp_make_shared: (s) => [`RMPUPDATE page of index ${s.index} to shared`],
  rmp_level: (s) => [`snp_lookup_rmpentry() pfn ${s.pfn}`, either('4K', '2M')],
  psmash: (s) => [s.pfn === undefined ? `PSMASH page of index ${s.index}` : `PSMASH pfn ${s.pfn}`],
  tdh_mem_range_block: (s) => [`TDH.MEM.RANGE.BLOCK gfn ${s.index}`, either('no leaf', '')],
  tdh_mem_track: (s) => [`TDH.MEM.TRACK and kick, gfn ${s.index}`],
  tdh_mem_page_remove: (s) => [`TDH.MEM.PAGE.REMOVE gfn ${s.index}`, either('fails', '')],
  tdh_phymem_page_wbinvd: (s) => [`TDH.PHYMEM.PAGE.WBINVD page of gfn ${s.index}`],
  guest_rescind: (s) => [`guest gives up gfn ${s.index}`],
  guest_accept: (s) => [`guest is told that gfn ${s.index} has changed`],
  /* iommufd and the IOMMU */
  iopt_insert_area: (s) => [`iopt_insert_area() ${iova(s)}`, (a) => ['', '-EBADF', '-EEXIST'][a] ?? ''],
  iopt_area_ready: (s) => [`area->pages = pages, ${iova(s)}`],
  iopt_area_begin_unmap: (s) => [`area->pages = NULL in ${iova(s)}`, beginUnmapAnswer],
  iopt_abort_area: (s) => [`iopt_abort_area() ${iova(s)}`],
  iommu_map: (s, c) => [mapText(c, s), either('-ENOMEM', '')],
  iommu_unmap_fast: (s) => [`iommu_unmap_fast() ${iova(s)}`],
  iotlb_gather_sync: (s) => [`iommu_iotlb_sync() ${iova(s)}: queued`],
  iommu_completion_wait: (s) => [`iommu_completion_wait() ${iova(s)}`],
  iommu_iova_to_phys: (s) => [`iommu_iova_to_phys() iova ${s.iova}`, pfnOr('none')],
  iopt_area_iter: (s) => [`iopt_area_iter_first() ${iova(s)}`, (a) => (a === 0 ? 'no area' : area(a - 1))],
  iopt_has_domain: () => ['xa_empty(&iopt->domains)', either('true', 'false')],
  iopt_set_domain: (s) => [`${s.attached ? 'xa_store' : 'xa_erase'}(&iopt->domains)`],
  ...ACCESS_WORDS,
  ...DMABUF_WORDS,
  iopt_area_of: (s) => [`iopt_area_of() iova ${s.iova}`, (a) => (a === 0 ? 'no area' : area(a - 1))],
  /* devices */
  dma_translate: (s, c) => translateText(c, s),
  dma_commit: (_s, c) => [commitText(c)],
  /* registers of the policy */
  read_register: (s) => [`read ${s.register}[${s.slot}]`, (a) => String(a)],
  write_register: (s) => [`${s.register}[${s.slot}] = ${s.value}`],
};

/** Every kind of step, in the order of the vocabulary. */
export const STEP_NAMES = Object.keys(WORDS) as readonly Op[];

/** `filemap_invalidate_lock` of `filemap_invalidate_lock()`; what is no function keeps its kind. */
const nameOf = (step: Step, text: string): string =>
  step.op === 'lock' || step.op === 'unlock' ? (text.split('(')[0] ?? text) : step.op;

export function describeStep(
  machine: Machine,
  step: Step,
  answer: number,
  seen: Seen | null = null,
): StepText {
  /* the table is complete, see its type: each kind meets the function of its own */
  const words = WORDS[step.op] as (given: Step, context: Context) => Words;
  const [text, says] = words(step, { machine, seen });
  const { op: _op, ...args } = step;
  return { step: nameOf(step, text), text, answer: says === undefined ? '' : says(answer), args };
}

/** What hardware or allocator did by itself, from the agent's name and the states around it. */
export function describeAgent(machine: Machine, agent: string, before: MachineState, after: MachineState) {
  const { at } = machine;
  const [thread = agent, what = ''] = agent.split(': ');
  const said = (step: string, text: string, args: StepText['args']) => ({
    thread,
    step,
    text,
    answer: '',
    args,
  });
  const by = machine.threads.findIndex(({ name }) => what === `invalidation queued by ${name}`);
  if (by >= 0) {
    const ranges = subranges(before[at.inv_queue + by] ?? 0, 0);
    const text = `IOMMU executes the invalidation: iova ${ranges}`;
    return said('invalidate', text, { queued_by: machine.threads[by].name });
  }
  const byDevice = machine.threads.findIndex(
    ({ name }) => what === `device TLB invalidation queued by ${name}`,
  );
  if (byDevice >= 0) {
    const ranges = subranges(before[at.device_inv_queue + byDevice] ?? 0, 0);
    const text = `the devices drop their TLB entries: iova ${ranges}`;
    return said('invalidate_devices', text, { queued_by: machine.threads[byDevice].name });
  }
  const asks = /^device TLB fill iova (\d+)$/.exec(what);
  if (asks !== null) {
    const page = Number(asks[1]);
    const slot = Number(thread.replace(/^DEV /, '')) * machine.pages + page;
    return said('device_tlb_fill', `${what} -> pfn ${after[at.device_tlb + slot] - 1}`, { iova: page });
  }
  const fills = /^IOTLB fill iova (\d+)$/.exec(what);
  if (fills !== null) {
    const page = Number(fills[1]);
    return said('iotlb_fill', `${what} -> pfn ${after[at.iotlb + page] - 1}`, { iova: page });
  }
  if (what.includes('LRU batch')) return said('lru_add_drain', what, {});
  for (let pfn = 0; pfn < machine.pfns; pfn++)
    if (before[at.owner + pfn] !== after[at.owner + pfn])
      return said('alloc_pages', `pfn ${pfn} is handed to another owner`, { pfn });
  return said('agent', what, {});
}
