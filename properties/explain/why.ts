// Why it is broken: which single step, added, moved or left out, restores the invariant on otherwise the same
// schedule.

import { replay } from '../../engine/replay.ts';
import type { Move } from '../../engine/system.ts';
import type { TraceStep } from '../../models/results.ts';
import { traceOf } from './explain.ts';
import { names, pagesIn } from './explain-state.ts';
import { witnessOf } from '../spec/keys.ts';
import type { Finding } from '../finding.ts';
import type { Model } from '../system.ts';
import { repairsOf } from './why-repairs.ts';
import { type Bench, changesOf, makeBench } from './why-schedule.ts';

/** Schedules tried for one finding. */
const TRIES_MAX = 1500;

interface Inquiry extends Bench {
  readonly trace: readonly TraceStep[];
  readonly moves: readonly Move[];
  readonly witness: string;
}

/** Points of the path at which the repair helps, as numbers of the step after. */
function helpsAt({ moves, restores }: Inquiry, act: (state: Int32Array) => boolean): number[] {
  const at: number[] = [];
  for (let k = 1; k < moves.length; k++) if (restores({ moves, repair: { at: k, act } })) at.push(k);
  return at;
}

/** The run of neighbours that ends last. */
function lastRun(points: readonly number[]): readonly [first: number, last: number] | null {
  const last = points.at(-1);
  if (last === undefined) return null;
  let first = last;
  while (points.includes(first - 1)) first--;
  return [first, last];
}

/** Pages and pfns that the breach is about, or else all that the path has touched. */
function subjects({ model, trace, witness }: Inquiry): { readonly pages: number[]; readonly pfns: number[] } {
  const texts = [witness, ...trace.flatMap(({ diff }) => diff.map(({ field }) => field))];
  const numbers = (pattern: RegExp): number[] => [
    ...new Set(texts.flatMap((text) => [...text.matchAll(pattern)].map((match) => Number(match[1])))),
  ];
  const pages = numbers(/\b(?:iova|gfn|index) (\d+)/g).filter((page) => page < model.machine.pages);
  return {
    pages,
    pfns: texts
      .flatMap(pagesIn)
      .map((page) => Number(page.slice('pfn '.length)))
      .filter((pfn, k, all) => all.indexOf(pfn) === k),
  };
}

function addition(inquiry: Inquiry): string[] {
  const { pages, pfns } = subjects(inquiry);
  const repairs = repairsOf(inquiry.model, inquiry.system, pages, pfns);
  const most = Math.floor(TRIES_MAX / Math.max(1, inquiry.moves.length));
  for (const { says, act } of repairs.slice(0, most)) {
    const run = lastRun(helpsAt(inquiry, act));
    if (run === null) continue;
    const [first, last] = run;
    return [`${says} between ${inquiry.trace[first - 1].n} and ${inquiry.trace[last].n}`];
  }
  return [];
}

interface Shift {
  readonly from: number;
  readonly to: number;
}

/** Each step past the steps of others, the nearest places first: never past another step of its own thread. */
function shifts({ made }: Inquiry): Shift[] {
  const found: Shift[] = [];
  const { steps } = made;
  for (const from of steps.keys()) {
    const { actor } = steps[from];
    for (let to = from + 1; to < steps.length && steps[to].actor !== actor; to++) found.push({ from, to });
    for (let to = from - 1; to >= 0 && steps[to].actor !== actor; to--) found.push({ from, to });
  }
  const distance = ({ from, to }: Shift): number => Math.abs(to - from);
  return found.sort((a, b) => distance(a) - distance(b) || b.from - a.from).slice(0, TRIES_MAX);
}

const shifted = <T>(list: readonly T[], { from, to }: Shift): T[] => {
  const rest = list.filter((_, k) => k !== from);
  return [...rest.slice(0, to), list[from], ...rest.slice(to)];
};

/**
 * The step moved, hardware and accesses do what they did: else it helps only since nothing happens any more.
 */
function unchanged({ model, made, trace, system }: Inquiry, shift: Shift): Map<number, string> {
  const same = new Map<number, string>();
  shifted([...made.steps.keys()], shift).forEach((k, at) => {
    const { actor, before, after } = made.steps[k];
    if (k === shift.from || actor >= system.threads || ACCESS.test(trace[k].step))
      same.set(at, changesOf(model, before, after));
  });
  return same;
}

function relocation(inquiry: Inquiry): string[] {
  const { trace, moves, restores } = inquiry;
  const helps = shifts(inquiry).find((shift) =>
    restores({ moves: shifted(moves, shift), same: unchanged(inquiry, shift) }),
  );
  if (helps === undefined) return [];
  const [moved, other] = [trace[helps.from], trace[helps.to]];
  const where = helps.to > helps.from ? 'after' : 'before';
  return [`${moved.n} (${moved.step}) ${where} ${other.n} (${other.step})`];
}

const LOCK = /lock/;
/** What is installed, looked up, committed or touched: that without it nothing happens says nothing. */
const PURPOSE =
  /^(iommu_map|iopt_insert_area|kvm_gmem_get_folio|kvm_tdp_mmu_map|map_host_pte|rmp_make_private|store_attributes)$/;
const ACCESS = /^(dma_translate|dma_commit|guest_access|host_access)$/;
const DROPS = /^(folio_put|unpin_folio|fput)$/;

/** Steps whose absence would not be trivial: not the breach, not what it is made of, no locks, no hardware. */
function removable({ trace, made, system, witness }: Inquiry): number[] {
  const candidates = [...trace.keys()].filter(
    (k) =>
      k < trace.length - 1 &&
      made.steps[k].actor < system.threads &&
      ![LOCK, PURPOSE, ACCESS].some((kind) => kind.test(trace[k].step)) &&
      !trace[k].diff.some(({ field }) => names(witness, field)),
  );
  const drops = (k: number): number => (DROPS.test(trace[k].step) ? 0 : 1);
  return candidates.sort((a, b) => drops(a) - drops(b) || b - a);
}

function omission(inquiry: Inquiry): string[] {
  const { trace, made, moves, restores } = inquiry;
  const helps = removable(inquiry).find((at) =>
    restores({ moves, skip: { at, answer: Math.max(0, made.steps[at].answer) } }),
  );
  return helps === undefined ? [] : [`leaving out ${trace[helps].n}, ${trace[helps].text}`];
}

/** At most three sentences; none where nothing single helps. */
export function whyOf(model: Model, finding: Finding): string[] {
  const { system, path, key } = finding;
  const made = replay(system, path);
  const inquiry: Inquiry = {
    ...makeBench(model, finding, made),
    trace: traceOf(model, system, made.steps),
    moves: path.moves,
    witness: witnessOf(model.questions, key, made.last, system.placeAt),
  };
  return [...addition(inquiry), ...relocation(inquiry), ...omission(inquiry)];
}
