// The post_populate() callbacks of kvm_gmem_populate(): what firmware and TDX Module are asked to do with a page of the
// initial image.

import {
  type Arch,
  type Pfn,
  type Result,
  type Steps,
  call,
  copy_to_page,
  snp_launch_update,
  snp_lookup_rmpentry,
  tdh_mem_page_add,
  tdh_mr_extend,
} from '../../api/index.ts';

/* MODEL: the source of populate is memory of the VMM's own, pinned before invalidate_lock, and always there. */
/** sev_gmem_post_populate() */
function* sev_gmem_post_populate(gfn: number, pfn: Pfn): Steps<Result> {
  if (yield* snp_lookup_rmpentry(pfn)) return '-EEXIST';
  yield* copy_to_page(pfn);
  /* nobody has looked at the RMP entry again; where firmware refuses, the page is shared after this step */
  return (yield* snp_launch_update(gfn, pfn)) ? 0 : '-EIO';
}

/** tdx_gmem_post_populate(): TDH.MEM.PAGE.ADD through the S-EPT, and the measurement that user space may ask for. */
function* tdx_gmem_post_populate(gfn: number, pfn: Pfn): Steps<Result> {
  if (!(yield* tdh_mem_page_add(gfn, pfn))) return '-EIO';
  return (yield* tdh_mr_extend(gfn)) ? 0 : '-EIO';
}

export const postPopulate = (gfn: number, pfn: Pfn, arch: Arch): Steps<Result> =>
  call(arch.platform === 'tdx' ? tdx_gmem_post_populate : sev_gmem_post_populate, gfn, pfn);
