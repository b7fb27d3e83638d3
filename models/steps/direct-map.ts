// A store by the kernel through the direct map: it meets whatever the page has become.

import { CONTENT } from '../machine.ts';
import type { Exec, State } from './context.ts';

export function makeDirectMap({ machine, view, platform, note }: Exec) {
  const { host_dead, content } = machine.at;
  const isFatal = platform.mistakes.hostAccess === 'machine check';
  return {
    write: (m: State, pfn: number): void => {
      if (view.isGuestsStill(m, pfn)) {
        note(isFatal ? 'access.cpu-fatal' : 'access.cpu-leak');
        if (isFatal) m[host_dead] = 1;
      } else if (view.isFree(m, pfn)) note('access.cpu-corruption');
      else m[content + pfn] = CONTENT.host;
    },
  };
}
