// Pointers that are followed and are none.

import type { WildPointer } from '../../api/index.ts';
import type { Exec, State } from './context.ts';

export function makePointer({ machine, note }: Exec) {
  const { at, config } = machine;
  const failed = config.fail === 'kvm_gmem_get_folio' ? at.fail_used : -1;
  return {
    /*
     * MODEL: an ERR_PTR is noted where --fail has made it. What RFC v2 answers where a part of a huge page has left the
     * page cache is not known to be an error.
     */
    followed: (m: State, pointer: WildPointer): number => {
      if (pointer === 'ufolios') note('unset-pointer-followed');
      else if (failed >= 0 && m[failed] === 1) note('err-ptr-followed');
      return 0;
    },
  };
}
