// The gmem file: who holds it, when the last reference goes, and the pages that fallocate() zeroes in it.

import { FILE, type Machine } from '../machine.ts';
import type { Exec, State } from './context.ts';
import type { Memslot } from './memslot.ts';
import type { PageCache } from './page-cache.ts';
import { CLOSE, HUGE, PLAIN, type Rows, SLOTS } from './row.ts';
import { either, index, truth } from './words.ts';

export type File = ReturnType<typeof makeFile>;

export function makeFile({ machine, note }: Exec) {
  const { at, pages } = machine;
  const isOfFile = (m: State, iova: number): boolean =>
    at.dmabuf_pages === undefined || m[at.dmabuf_pages + iova] === 0;
  return {
    close: (m: State): number => {
      if (m[at.file] !== FILE.open) return 0;
      m[at.file] = FILE.held;
      m[at.file_refs]++;
      return 1;
    },
    isOpen: (m: State): number => (m[at.file] === FILE.open ? 1 : 0),
    fget: (m: State): number => {
      if (m[at.file] !== FILE.open) return 0;
      m[at.file_refs]++;
      return 1;
    },
    /** True when it was the last reference: neither fd, nor area, nor a call in flight holds the file. */
    fput: (m: State, counted: boolean): number => {
      if (counted && m[at.file_refs] === 0) note('put-without-reference');
      else if (counted) m[at.file_refs]--;
      if (m[at.file] !== FILE.held || m[at.file_refs] > 0) return 0;
      for (let iova = 0; iova < pages; iova++) if (m[at.area + iova] !== 0 && isOfFile(m, iova)) return 0;
      m[at.file] = FILE.released;
      note('release-reached');
      return 1;
    },
  };
}

/** Where nobody takes the fd away, none of these is the last. */
const whileOpen =
  (bits: number) =>
  ({ machine: { at } }: Exec, _step: unknown, m: State): number =>
    m[at.file] === FILE.open ? bits : 0;

export const FILE_STEPS = {
  fget: {
    ...PLAIN,
    words: () => ['fget() of the gmem fd', either('-EBADF', '')],
    touches: 0,
    commutes: whileOpen(CLOSE),
    run: ({ file }, _s, m) => file.fget(m),
  },
  get_file_active: {
    ...PLAIN,
    words: () => ['get_file_active() of the slot', either('NULL', '')],
    touches: 0,
    /* and the slot has the file */
    commutes: whileOpen(SLOTS | CLOSE),
    run: ({ memslot }, s, m) => memslot.getFileActive(m, s.gfn ?? 0),
  },
  gmem_huge_inode: {
    ...PLAIN,
    words: () => ['inode backed by huge pages', truth],
    touches: HUGE,
    /* never changes */
    mover: 'release',
    run: ({ machine: { at } }, _s, m) => m[at.huge_inode],
  },
  find_vma: {
    ...PLAIN,
    words: () => ['find_vma() of the mapping', either('none', '')],
    touches: 0,
    run: ({ file }, _s, m) => file.isOpen(m),
  },
  close_file: {
    ...PLAIN,
    words: () => ['the gmem fd is closed', either('-EBADF', '')],
    touches: CLOSE,
    run: ({ file }, _s, m) => file.close(m),
  },
  fput: {
    ...PLAIN,
    words: () => ['fput() of the gmem file', either('', 'last reference')],
    touches: 0,
    commutes: whileOpen(CLOSE),
    run: ({ file }, s, m) => file.fput(m, s.counted),
  },
  gmem_zero_range: {
    ...PLAIN,
    words: (s) => [`kvm_gmem_zero_range() ${index(s)}`],
    touches: 0,
    run: ({ pageCache }, s, m, t) => pageCache.zeroRange(m, t, s.start, s.end),
  },
} satisfies Rows<{
  readonly machine: Machine;
  readonly file: File;
  readonly memslot: Memslot;
  readonly pageCache: PageCache;
}>;
