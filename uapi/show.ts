// A counterexample in words: the arguments, and of the context what is not as it mostly is.

import type { Context } from './model/context.ts';

/** A file of 4 pages that is mapped and shared, nothing bound, nothing private, nothing held. */
export const PLAIN: Context = {
  base: 'linux-7.2',
  has_private_mem: true,
  gmem_in_place_conversion: false,
  fd: 'gmem',
  argp: 'ok',
  i_size: 0x4000n,
  flags: 3n,
  file_dying: false,
  allocations: 'succeed',
  fds_exhausted: false,
  signal_pending: false,
  slots: [],
  bindings: { start: 0n, end: 0n },
  private_gfns: { start: 0n, end: 0n },
  private_indices: { start: 0n, end: 0n },
  referenced: null,
  hwpoison: null,
  assigned_gfn: null,
  source_pages: 8n,
  launch: 'started',
  vcpus_online: true,
  firmware_fails: false,
};

export function show(value: unknown): string {
  if (typeof value === 'bigint') return `0x${value.toString(16)}`;
  if (Array.isArray(value)) return `[${value.map(show).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  const fields = Object.entries(value).map(([name, field]) => `${name} ${show(field)}`);
  return `{ ${fields.join(', ')} }`;
}

export function showCase({ ctx, args }: { readonly ctx: object; readonly args: unknown }): string {
  const plain = new Map(Object.entries(PLAIN).map(([name, value]) => [name, show(value)]));
  const odd = Object.entries(ctx).filter(([name, value]) => plain.get(name) !== show(value));
  return `args ${show(args)}; ctx ${show(Object.fromEntries(odd))}`;
}
