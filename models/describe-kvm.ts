// Words for the steps on memslots and bindings, and on VMSAs in pages of the guest.

import type { Step } from '../api/index.ts';
import { either, gfn, truth } from './describe-words.ts';

type Words = readonly [text: string, answer?: (answer: number) => string];
type Of<K extends Step['op']> = Extract<Step, { readonly op: K }>;
interface OfSlot {
  readonly gfn?: number;
}

/** The slot that is not the first, by a gfn in it. */
const slotOf = (step: OfSlot): string => (step.gfn === undefined ? '' : ` of gfn ${step.gfn}`);

export const KVM_WORDS = {
  slot_state: (s: Of<'slot_state'>): Words => [
    s.to === 'none' ? `kfree() of the slot${slotOf(s)}` : `the slot${slotOf(s)} becomes ${s.to}`,
  ],
  gfn_to_memslot: (s: OfSlot): Words => [
    `gfn_to_memslot()${slotOf(s)}`,
    (a) => ['NULL', 'valid', 'KVM_MEMSLOT_INVALID'][a] ?? '',
  ],
  slot_in_range: (s: Of<'slot_in_range'>): Words => [`a slot in ${gfn(s)}`, truth],
  slot_gmem_file: (s: OfSlot): Words => [`slot->gmem.file${slotOf(s)}`, either('NULL', 'set')],
  kvm_gmem_store_bindings: (): Words => [
    'xa_store_range(&f->bindings), slot->gmem.file = file',
    either('-EEXIST', ''),
  ],
  kvm_gmem_erase_bindings: (): Words => ['bindings erased, slot->gmem.file = NULL'],
  kvm_gmem_forget_file: (): Words => ['slot->gmem.file = NULL of each binding'],
  kvm_gmem_list_del: (): Words => ['list_del(&f->entry), bindings destroyed'],
  vmsa_clear: (): Words => ['vmsa_pa and snp_guest_vmsa_gpa = INVALID_PAGE'],
  vmsa_publish_gpa: (s: Of<'vmsa_publish_gpa'>): Words => [`snp_guest_vmsa_gpa = gfn ${s.index}`],
  vmsa_install: (s: Of<'vmsa_install'>): Words => [`vmcb->control.vmsa_pa = pfn ${s.pfn}`],
  vmsa_request_reload: (): Words => ['kvm_make_request(KVM_REQ_VMSA_PAGE_RELOAD)'],
  kvm_check_vmsa_request: (): Words => [
    'kvm_check_request(KVM_REQ_VMSA_PAGE_RELOAD)',
    (a) => (a === 0 ? 'none' : `gfn ${a - 1}`),
  ],
  mmu_invalidate_retry_gfn: (s: Of<'mmu_invalidate_retry_gfn'>): Words => [
    `mmu_invalidate_retry_gfn() seq ${s.seq}, gfn ${s.index}`,
    truth,
  ],
  kvm_arch_gmem_invalidate_range: (s: Of<'kvm_arch_gmem_invalidate_range'>): Words => [
    `kvm_arch_gmem_invalidate_range() ${gfn(s)}`,
  ],
};
