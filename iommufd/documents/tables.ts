// The tables of docs/iommufd.md, from the code: what the page says is what the tests replay.

import { CONFORMANCE } from '../spec/conformance.ts';
import type { Trace } from '../runs/campaign.ts';
import { FAULTS } from '../faults/faults.ts';
import { FLUSH_QUEUE_FAULTS, runFlushQueue } from '../runs/flush-queue-run.ts';
import { INVARIANTS } from '../spec/invariants.ts';
import { ROWS } from '../spec/rows.ts';
import { WARNS } from '../spec/warns.ts';
import { WEAKNESSES } from '../spec/weaknesses.ts';
import { dirtyInWords, domainInWords, inWords, iovaInWords, queueInWords } from './words.ts';

export interface TraceFile {
  readonly seed: number;
  readonly traces: readonly Trace[];
}

const cell = (text: string): string => text.replaceAll('|', '\\|');
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.map(cell).join(' | ')} |`).join('\n');

function traceIn(file: TraceFile, id: string): string {
  const trace = file.traces.find((each) => each.id === id);
  if (trace === undefined) return '';
  const steps =
    trace.data !== undefined
      ? inWords(trace.data)
      : trace.domain !== undefined
        ? domainInWords(trace.domain, trace.noGaps === true)
        : trace.dirty !== undefined
          ? dirtyInWords(trace.dirty)
          : trace.iova !== undefined
            ? iovaInWords(trace.iova)
            : queueInWords(runFlushQueue(trace.queue ?? [], FLUSH_QUEUE_FAULTS[id]).steps);
  return `${steps.join('; ')} (${trace.invariant}; run ${trace.runs})`;
}

const TABLES: Readonly<Record<string, (file: TraceFile) => string>> = {
  invariants: () =>
    table(
      ['invariant', 'says', 'source'],
      INVARIANTS.map(({ name, says, source }) => [name, says, source]),
    ),
  warns: () =>
    table(
      ['function', 'asserts'],
      WARNS.map(({ at, says }) => [`${at}()`, says]),
    ),
  rows: (file) =>
    table(
      ['row', 'what', 'verdict', 'trace, or why not'],
      ROWS.map((row) => [row.id, row.says, row.verdict, row.because ?? traceIn(file, row.id)]),
    ),
  weaknesses: (file) =>
    table(
      ['id', 'what', 'verdict', 'needs, or why not', 'trace'],
      WEAKNESSES.map(({ id, says, verdict, because }) => [id, says, verdict, because, traceIn(file, id)]),
    ),
  faults: (file) =>
    table(
      ['fault', 'what', 'caught by', 'trace, or why not'],
      FAULTS.map(({ id, says, by, because }) => [id, says, by, because ?? traceIn(file, id)]),
    ),
  conformance: () =>
    table(
      ['id', 'selftest', 'here'],
      CONFORMANCE.map(({ id, selftest, here }) => [id, selftest, here]),
    ),
};

/** The page with its tables written anew. */
export function withTables(page: string, file: TraceFile): string {
  return Object.entries(TABLES).reduce((text, [name, make]) => {
    const begin = `<!-- ${name}: generated -->`;
    const end = `<!-- ${name}: end -->`;
    const from = text.indexOf(begin);
    const to = text.indexOf(end);
    if (from < 0 || to < from) throw new Error(`docs/iommufd.md has no place for ${name}`);
    return `${text.slice(0, from + begin.length)}\n\n${make(file)}\n\n${text.slice(to)}`;
  }, page);
}
