// Planted (docs/objections.md D3, of the file itself): a size over LLONG_MAX is taken.

import { type Context, type Outcome, LLONG_MAX, PAGE_SIZE } from '../model/context.ts';
import { type CreateArgs, kvm_vm_ioctl_create_guest_memfd } from '../model/create.ts';

export const createSizeUnsigned = (ctx: Context, args: CreateArgs): Outcome =>
  kvm_vm_ioctl_create_guest_memfd(ctx, {
    ...args,
    size: args.size > LLONG_MAX ? PAGE_SIZE + (args.size % PAGE_SIZE) : args.size,
  });
