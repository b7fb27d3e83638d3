// Near the end of a run, when no call will be started any more, most of what threads share is at rest. A step whose row
// says that it commutes while certain bits are touched by nobody, and meets none that the calls in flight may still
// touch, commutes with all of them: the search takes it at once.

import type { Step } from '../../api/index.ts';
import type { Exec, State } from '../steps/context.ts';
import { rowOf } from '../steps/index.ts';
import { CLOSE, GMEM_SEQ_READ, HUGE, SEQ_READ } from '../steps/row.ts';

export function touches(step: Step): number {
  const { touches: bits } = rowOf(step);
  return typeof bits === 'number' ? bits : bits(step);
}

/** What the engine asks (engine/reduction.ts), by the number of the step. */
export interface Commuting {
  readonly touches: (op: number) => number;
  readonly kind: (op: number) => number;
  readonly meets: (op: number, m: State) => number;
  readonly rare: number;
  readonly forgets: number;
  readonly forget: (m: State, touched: number) => void;
}

export function makeCommuting(exec: Exec, steps: readonly Step[]): Commuting {
  const { at } = exec.machine;
  const kinds = new Map<string, number>();
  /* by the number of the step */
  const rules: ReturnType<typeof rowOf>['commutes'][] = [];
  return {
    touches: (op) => touches(steps[op]),
    kind: (op) => {
      const { op: name } = steps[op];
      if (!kinds.has(name)) kinds.set(name, kinds.size);
      return kinds.get(name) ?? 0;
    },
    meets: (op, m) => {
      for (let k = rules.length; k <= op; k++) rules.push(rowOf(steps[k]).commutes);
      const rule = rules[op];
      return typeof rule === 'function' ? rule(exec, steps[op], m) : (rule ?? 0);
    },
    rare: CLOSE,
    forgets: HUGE | SEQ_READ | GMEM_SEQ_READ,
    /** Sets to 0 what no call in flight will read any more. */
    forget: (m, touched) => {
      if ((touched & HUGE) === 0) m[at.huge_inode] = 0;
      if ((touched & SEQ_READ) === 0) m[at.mmu_invalidate_seq] = 0;
      if ((touched & GMEM_SEQ_READ) === 0) m[at.gmem_seq] = 0;
    },
  };
}
