// The protocol `core`, a yardstick for the search engine: a converter, a mapper and a device on a few pages.
// Same states, same transitions as the Promela and TLA+ texts of the same protocol; its counts are pinned in
// core.test.ts.

import {
  type Domain,
  type Environment,
  type System,
  type SystemOptions,
  makeSystem,
} from '../engine/system.ts';
import type { State } from '../engine/layout.ts';

export interface CoreInstance {
  readonly pages: number;
  readonly converts: number;
  readonly maps: number;
  readonly accesses: number;
}

/**
 * F1 no flush. F2 install checks nothing. F3 end before the flip. F4 install checks inprog only. F5 flush
 * before zap. F6 end without seq++.
 */
export type CoreFault = 'none' | 'F1' | 'F2' | 'F3' | 'F4' | 'F5' | 'F6';

const PRIV = 0;
const NONE = 2;
const SEQ_VALUES = 4;

type CoreStep =
  | { readonly op: 'begin' | 'zap' | 'flush' | 'flip' | 'kind' | 'access'; readonly page: number }
  | { readonly op: 'end' | 'snapshot' }
  | { readonly op: 'install'; readonly page: number; readonly seq: number; readonly kind: number };

type Steps = Generator<CoreStep, void, number>;

function protocol(fault: CoreFault): {
  convert: (page: number) => Steps;
  map: (page: number) => Steps;
  device: (page: number) => Steps;
} {
  return {
    *convert(page) {
      yield { op: 'begin', page };
      if (fault === 'F5') yield { op: 'flush', page };
      yield { op: 'zap', page };
      if (fault !== 'F1' && fault !== 'F5') yield { op: 'flush', page };
      if (fault === 'F3') yield { op: 'end' };
      yield { op: 'flip', page };
      if (fault !== 'F3') yield { op: 'end' };
    },
    *map(page) {
      const seq = yield { op: 'snapshot' };
      const kind = yield { op: 'kind', page };
      yield { op: 'install', page, seq, kind };
    },
    *device(page) {
      yield { op: 'access', page };
    },
  };
}

const OPS = ['begin', 'zap', 'flush', 'flip', 'end', 'snapshot', 'kind', 'install', 'access'] as const;
const ANSWERS = {
  begin: 1,
  zap: 1,
  flush: 1,
  flip: 1,
  end: 1,
  snapshot: SEQ_VALUES,
  kind: 2,
  install: 1,
  access: 1,
} as const;

export function coreSystem(
  instance: CoreInstance,
  fault: CoreFault = 'none',
  checked = true,
  options: SystemOptions = {},
): System {
  const { pages, converts, maps, accesses } = instance;
  const share = 0;
  const pte = pages;
  const tlb = 2 * pages;
  const inprog = 3 * pages;
  const seq = inprog + 1;
  const steps: CoreStep[] = [];
  const numbers = new Map<string, number>();
  const code: number[] = [];
  const page: number[] = [];
  const x: number[] = [];
  const y: number[] = [];

  const installs = (m: State, snapshot: number): boolean =>
    fault === 'F2' || (m[inprog] === 0 && (fault === 'F4' || m[seq] === snapshot));

  const domain: Domain = {
    fields: [
      { name: 'share', bits: 1, count: pages },
      { name: 'pte', bits: 2, count: pages },
      { name: 'tlb', bits: 2, count: pages },
      { name: 'inprog', bits: 1 },
      { name: 'seq', bits: 2 },
    ],
    initial: (fresh) => [
      fresh()
        .fill(PRIV, share, pages)
        .fill(NONE, pte, 3 * pages),
    ],
    threads: [
      { name: 'CONVERT', kind: 'convert' },
      { name: 'MAP', kind: 'map' },
      { name: 'DEVICE', kind: 'device' },
    ],
    compile: (given) => {
      const step = given as CoreStep;
      const key = JSON.stringify(step);
      const known = numbers.get(key);
      if (known !== undefined) return known;
      const op = steps.push(step) - 1;
      numbers.set(key, op);
      code.push(OPS.indexOf(step.op));
      page.push('page' in step ? step.page : 0);
      x.push('seq' in step ? step.seq : 0);
      y.push('kind' in step ? step.kind : 0);
      return op;
    },
    width: (op) => ANSWERS[steps[op].op],
    apply: (m, _thread, op) => {
      const p = page[op];
      switch (code[op]) {
        case 0:
          m[inprog] = 1;
          return 0;
        case 1:
          m[pte + p] = NONE;
          return 0;
        case 2:
          m[tlb + p] = NONE;
          return 0;
        case 3:
          m[share + p] ^= 1;
          return 0;
        case 4:
          if (fault !== 'F6') m[seq] = (m[seq] + 1) % SEQ_VALUES;
          m[inprog] = 0;
          return 0;
        case 5:
          return m[seq];
        case 6:
          return m[share + p];
        case 7:
          if (installs(m, x[op])) m[pte + p] = y[op];
          return 0;
        default:
          if (m[tlb + p] === NONE) m[tlb + p] = m[pte + p];
          return 0;
      }
    },
    agents: [],
    act: () => false,
    properties: ['mapping-equals-share'],
    judge: (m, hits) => {
      if (!checked || m[inprog] !== 0) return;
      for (let p = 0; p < pages; p++) {
        const mapped = m[pte + p] !== NONE && m[pte + p] !== m[share + p];
        const cached = m[tlb + p] !== NONE && m[tlb + p] !== m[share + p];
        if (!mapped && !cached) continue;
        hits.push(0);
        return;
      }
    },
    events: [],
  };
  const { convert, map, device } = protocol(fault);
  const onEachPage = (name: string, fn: (page: number) => Steps) =>
    Array.from({ length: pages }, (_, p) => ({ name: `${name} ${p}`, fn, args: [p] }));
  const environment: Environment = {
    kind: 'budgets',
    calls: [converts, maps, accesses],
    offers: [onEachPage('convert', convert), onEachPage('map', map), onEachPage('device', device)],
  };
  return makeSystem(domain, environment, { placeBits: 8, ...options });
}
