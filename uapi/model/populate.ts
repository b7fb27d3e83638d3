// kvm_gmem_populate(): what SNP_LAUNCH_UPDATE and TDX_INIT_MEM_REGION have in common.

import {
  type Context,
  type Errno,
  gfn_to_memslot,
  has,
  kvm_gmem_get_index,
  kvm_slot_has_gmem,
} from './context.ts';
import { __kvm_gmem_get_pfn } from './get-pfn.ts';

export type PostPopulate = (gfn: bigint, hasSource: boolean) => 0 | Errno;

/** Pages done, or why not even one. @sourcePage: of the first page in the source buffer. */
export function kvm_gmem_populate(
  ctx: Context,
  start_gfn: bigint,
  src: boolean,
  sourcePage: bigint,
  npages: bigint,
  post_populate: PostPopulate,
): bigint | Errno {
  const slot = gfn_to_memslot(ctx, start_gfn);
  if (!kvm_slot_has_gmem(slot)) return '-EINVAL';
  if (ctx.file_dying) return '-EFAULT';
  const rest = slot.npages - (start_gfn - slot.base_gfn);
  const end = npages < rest ? npages : rest;
  for (let i = 0n; i < end; i++) {
    const ret = populatePage(
      ctx,
      start_gfn + i,
      src,
      sourcePage + i,
      kvm_gmem_get_index(slot, start_gfn + i),
      post_populate,
    );
    if (ret) return i || ret;
  }
  return end;
}

function populatePage(
  ctx: Context,
  gfn: bigint,
  src: boolean,
  sourcePage: bigint,
  index: bigint,
  post_populate: PostPopulate,
): 0 | Errno {
  if (ctx.signal_pending) return '-EINTR';
  /* get_user_pages_fast() */
  if (src && sourcePage >= ctx.source_pages) return '-EFAULT';
  const ret = __kvm_gmem_get_pfn(ctx, index);
  if (ret) return ret;
  const is_private = ctx.gmem_in_place_conversion
    ? has(ctx.private_indices, index)
    : has(ctx.private_gfns, gfn);
  if (!is_private) return '-EINVAL';
  return post_populate(gfn, src);
}
