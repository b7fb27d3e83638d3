// A store by the kernel through the direct map: it meets whatever the page has become.

import { CONTENT } from '../machine.ts';
import type { Exec, State } from './context.ts';

export function makeDirectMap({ machine, view, note, snp, tdx }: Exec) {
  const { host_dead, td_dirty, content } = machine.at;
  return {
    write: (m: State, pfn: number): void => {
      if (view.isGuestOwned(m, pfn) || (tdx && m[td_dirty + pfn] === 1)) {
        note(snp || tdx ? 'access.cpu-fatal' : 'access.cpu-leak');
        if (snp || tdx) m[host_dead] = 1;
      } else if (view.isFree(m, pfn)) note('access.cpu-corruption');
      else m[content + pfn] = CONTENT.host;
    },
  };
}
