// What v8 asks of guest_memfd's maple tree of attributes.

import type { Exec, State } from './context.ts';

export type Attributes = ReturnType<typeof makeAttributes>;

export function makeAttributes({ machine }: Exec) {
  const { at } = machine;
  return {
    rangeHas: (m: State, start: number, end: number, isPrivate: number): number => {
      for (let index = start; index < end; index++) if (m[at.private + index] !== isPrivate) return 0;
      return 1;
    },
    /** 1: shared indices in the range, 2: private ones, 3: both. */
    filter: (m: State, start: number, end: number): number => {
      let kinds = 0;
      for (let index = start; index < end; index++) kinds |= m[at.private + index] === 1 ? 2 : 1;
      return kinds;
    },
  };
}
