// The gmem file: who holds it, and when the last reference goes.

import { FILE } from '../machine.ts';
import type { Exec, State } from './context.ts';

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
