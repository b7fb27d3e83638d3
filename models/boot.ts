// The states that a search starts from: a VM with one bound slot, an IOAS with one domain, nothing allocated
// yet.

import type { Config } from './bounds.ts';
import { FILE, type Machine, OWNER, SLOT } from './machine.ts';

export interface InitialState {
  /** In words, as reports print it. */
  readonly says: string;
  readonly private: boolean;
  readonly huge: boolean;
}

/** All shared and all private; on rfc-v2 also backed by huge pages (v8 has none). */
export function initialStates(config: Config): readonly InitialState[] {
  const sizes =
    config.base === 'rfc-v2' && config.bounds.hugePages > 1 && config.bounds.pages >= config.bounds.hugePages
      ? [false, true]
      : [false];
  return sizes.flatMap((huge) =>
    [false, true].map((isPrivate) => ({
      private: isPrivate,
      huge,
      says: `every index ${isPrivate ? 'private' : 'shared'}, not allocated${huge ? '; inode backed by huge pages' : ''}`,
    })),
  );
}

/** Write an initial state into a zeroed record. */
export function boot<M extends Int32Array>(machine: Machine, initial: InitialState, m: M): M {
  const { at, pages, pool, pfns } = machine;
  m[at.file] = FILE.open;
  for (let slot = 0; slot < machine.memslots.length; slot++) {
    m[at.slot + slot] = SLOT.valid;
    m[at.slot_bound + slot] = m[at.slot_gmem_file + slot] = 1;
  }
  m[at.huge_inode] = initial.huge ? 1 : 0;
  for (let index = 0; index < pages; index++) m[at.private + index] = initial.private ? 1 : 0;
  for (let pfn = pool; pfn < pfns; pfn++) m[at.owner + pfn] = OWNER.vmm;
  return m;
}
