// The state difference under a table: what the witness names, and what that leads to, each with the step that made it
// so.

import type { TraceStep } from '../../models/results.ts';

const LINES_MAX = 6;
/** Changes of one field on one line. */
const CHAIN_MAX = 3;
/** What stays in force until somebody takes it away. */
const LASTING = /^(IOPTE|IOTLB|SPTE|TLB|host PTE|RMP|S-EPT|PAMT|DMA of|pins of|invalidation queued)/;

/** All that became of a field of the state. */
interface Change {
  readonly field: string;
  readonly before: string;
  /** Values and the steps that made them. */
  readonly became: readonly { readonly after: string; readonly n: string }[];
  /** The last of those steps. */
  readonly at: number;
}

/** `text` names `field` as a whole: `pfn 5` is not in `pfn 53`. */
export function names(text: string, field: string): boolean {
  for (let at = text.indexOf(field); at >= 0; at = text.indexOf(field, at + 1)) {
    const left = at === 0 ? '' : text.charAt(at - 1);
    if (!/[\w-]/.test(left) && !/\w/.test(text.charAt(at + field.length))) return true;
  }
  return false;
}

function changesIn(trace: readonly TraceStep[]): Change[] {
  const changes = new Map<string, Change>();
  trace.forEach((step, at) => {
    for (const { field, before, after } of step.diff) {
      const known = changes.get(field) ?? { field, before, became: [] };
      changes.set(field, { ...known, became: [...known.became, { after, n: step.n }], at });
    }
  });
  return [...changes.values()];
}

/** Names of pages that a text speaks of: `pfn 5`. */
export const pagesIn = (text: string): string[] => [...new Set(text.match(/\bpfn \d+/g) ?? [])];

function line({ field, before, became, at }: Change, trace: readonly TraceStep[]): string {
  const end = trace.at(-1);
  const stays =
    LASTING.test(field) && became.at(-1)?.after !== 'none' && at < trace.length - 1 && end !== undefined;
  const shown = became.length <= CHAIN_MAX ? became : became.slice(-CHAIN_MAX);
  const from = shown.length === became.length ? before : '...';
  const chain = [from, ...shown.map(({ after, n }) => `${after} (${n})`)].join(' -> ');
  return `${field}: ${chain}${stays ? `, still there at ${end.n}` : ''}`;
}

/** The index changed its kind, and not only the page behind it. */
function converts({ before, became }: Change): boolean {
  const kinds = new Set([before, ...became.map(({ after }) => after)].map((value) => value.split(',')[0]));
  return kinds.size > 1;
}

/** `about`: the witness, or what the guilty step says where the witness has no names. */
export function stateLines(about: string, trace: readonly TraceStep[]): string[] {
  const changes = changesIn(trace);
  const first = changes.filter(({ field }) => names(about, field));
  /* the pages that the fields named lead to, and what becomes of them */
  const pages = new Set([
    ...pagesIn(about),
    ...first.flatMap(({ before, became }) => [before, ...became.map(({ after }) => after)].flatMap(pagesIn)),
  ]);
  const spaces = new Set(
    (about.match(/\[(?:iova|gfn|index) (\d+)\]/g) ?? []).map((text) => text.replace(/\D/g, '')),
  );
  const related = changes.filter(
    (change) =>
      !first.includes(change) &&
      ([...pages].some((page) => [page, `RMP[${page}]`, `PAMT[${page}]`].includes(change.field)) ||
        [...spaces].some(
          (n) => (change.field === `index ${n}` && converts(change)) || change.field === `S-EPT[gfn ${n}]`,
        )),
  );
  const place = (field: string): number => about.indexOf(field);
  const sorted = [
    ...first.sort((a, b) => place(a.field) - place(b.field)),
    ...related.sort((a, b) => a.at - b.at),
  ];
  return sorted.slice(0, LINES_MAX).map((change) => line(change, trace));
}
