// kvm_gmem_get_pfn(): the way to a page that KVM and a well-behaved IOMMU consumer share.

import type { Arch } from './policy.ts';
import {
  type Errno,
  type Steps,
  clear_highpage,
  down_read,
  folio_put,
  folio_test_hwpoison,
  folio_unlock,
  gmem_is_private,
  kvm_gmem_get_folio,
  rmp_make_private,
  up_read,
} from './steps.ts';
import type { Index, Pfn } from './units.ts';

/** Where the platform has it: the page state that a page needs before the guest may use it. */
const kvm_arch_gmem_prepare: {
  readonly [K in Arch['platform']]: ((index: Index, pfn: Pfn) => Steps<void>) | null;
} = { bare: null, 'sev-snp': rmp_make_private, tdx: null };

/*
 * MODEL: that slot->gmem.file is still this file (-EFAULT) and that the binding leads to the slot (-EIO) is not looked
 * at. Under SRCU or slots_lock, with a reference to the file, neither can fail: release needs the last reference, an
 * unbind clears both after synchronize_srcu(), a bind stores both before the slot is seen, and refuses what is bound.
 * An IOMMU consumer comes with the file alone and no slot.
 */
/**
 * Zero once, prepare the page state, unlock; the caller gets the page with one lookup reference: folio_put()
 * it.
 */
function* __kvm_gmem_get_pfn(index: Index, arch: Arch): Steps<Pfn | Errno> {
  const pfn = yield* kvm_gmem_get_folio(index);
  if (pfn === null) return '-ENOMEM';
  if (yield* folio_test_hwpoison(pfn)) {
    yield* folio_unlock(pfn);
    yield* folio_put(pfn);
    return '-EHWPOISON';
  }
  yield* clear_highpage(pfn);
  const prepare = kvm_arch_gmem_prepare[arch.platform];
  /* linux-7.2 prepares whatever the attribute says: its gmem pages are never shared */
  if (prepare !== null && (!arch.in_place || (yield* gmem_is_private(index)))) yield* prepare(index, pfn);
  yield* folio_unlock(pfn);
  return pfn;
}

/** linux-7.2 takes no invalidate_lock here; rfc-v2 holds it shared. The caller holds the file. */
export function* kvm_gmem_get_pfn(index: Index, arch: Arch): Steps<Pfn | Errno> {
  if (!arch.in_place) return yield* __kvm_gmem_get_pfn(index, arch);
  yield* down_read('invalidate_lock');
  const pfn = yield* __kvm_gmem_get_pfn(index, arch);
  yield* up_read('invalidate_lock');
  return pfn;
}
