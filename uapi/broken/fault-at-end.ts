// Planted (docs/objections.md D37): `>` instead of `>=`: a fault of the page at i_size gets a folio.

import { type Context, type Outcome, PAGE_SHIFT, PAGE_SIZE } from '../model/context.ts';
import { type FaultArgs, kvm_gmem_fault, kvm_gmem_fault_user_mapping } from '../model/fault.ts';

export const faultAtEnd = (ctx: Context, args: FaultArgs): Outcome =>
  kvm_gmem_fault(ctx, args, (c, { pgoff }) => {
    const atEnd = pgoff << PAGE_SHIFT === c.i_size;
    return kvm_gmem_fault_user_mapping(atEnd ? { ...c, i_size: c.i_size + PAGE_SIZE } : c, { pgoff });
  });
