// The race table: one column a thread, time downwards, as in the tables of arch/x86/kvm/mmu/mmu.c and
// maintainer-tip.rst.

import type { TraceStep } from '../models/results.ts';
import { WIDTH, wrap } from './layout.ts';

const MARGIN = 2;
/** From one column to the next, by number of threads: the last one keeps 28 characters or more. */
const OFFSETS: readonly number[] = [0, 0, 24, 18, 13, 10];
const LAST_COLUMN = 28;
const OFFSET_MIN = 10;
/** Deepest indentation by number of threads, so that a nested call does not look like the next column. */
const DEEPEST: readonly number[] = [6, 6, 4, 3, 2, 2];
/** Text keeps this much of a line whatever the indentation. */
const TEXT_MIN = 20;
/** Threads side by side; more share one column and every step names its own. */
const COLUMNS_MAX = 8;

interface Column {
  readonly name: string;
  readonly at: number;
  /** Where step numbers start: under a call's line, indented by 2. */
  readonly numbers: number;
  /** Where text of depth 0 starts. */
  readonly text: number;
  readonly deepest: number;
}

/** A row with its place, before columns are headed. */
interface Row {
  readonly at: number;
  readonly line: string;
}

const widest = (words: readonly string[]): number =>
  words.reduce((most, word) => Math.max(most, word.length), 0);

/** Every word of the column fits a line: none is broken. */
const isWhole = (column: Column, trace: readonly TraceStep[]): boolean =>
  trace
    .filter((step) => step.thread === column.name)
    .every((step) => widest(said(step).split(' ')) <= WIDTH - indent(column, step.depth));

/** Side by side with the usual distance; nearer to each other where a name would be broken in the last ones. */
function columnsOf(trace: readonly TraceStep[]): Column[] {
  const names = [...new Set(trace.map((step) => step.thread))];
  const k = names.length;
  const usual = OFFSETS[k] ?? Math.floor((WIDTH - LAST_COLUMN - MARGIN) / (k - 1));
  for (let offset = usual; offset >= Math.max(OFFSET_MIN, widest(names) + 2); offset--) {
    const columns = columnsAt(names, trace, offset);
    if (columns.every((column) => isWhole(column, trace))) return columns;
  }
  return columnsAt(names, trace, usual);
}

function columnsAt(names: readonly string[], trace: readonly TraceStep[], offset: number): Column[] {
  const k = names.length;
  return names.map((name, i) => {
    const own = trace.filter((step) => step.thread === name);
    const at = MARGIN + (k > COLUMNS_MAX ? 0 : i * offset);
    const numbers = at + (own.some(hasCallLine) ? 2 : 0);
    const text = numbers + widest(own.map((step) => step.n)) + 1;
    const room = Math.max(0, Math.floor((WIDTH - text - TEXT_MIN) / 2));
    return { name, at, numbers, text, deepest: Math.min(room, DEEPEST[k] ?? 1) };
  });
}

/** A call of a single step that says the same needs no line of its own. */
const hasCallLine = (step: TraceStep): boolean => step.call !== null && step.call !== step.text;

const indent = (column: Column, depth: number): number =>
  column.text + 2 * Math.min(Math.max(depth, 0), column.deepest);

/** `note` after the last line where it fits whole, else under it. */
function noted(lines: readonly string[], note: string, room: number): string[] {
  if (note === '') return [...lines];
  const last = `${lines[lines.length - 1] ?? ''}   ${note}`;
  return last.length <= room ? [...lines.slice(0, -1), last] : [...lines, ...wrap(note, room)];
}

/** `prefix` at its column, then text from column `start` on, wrapped under its own start. */
function place(at: number, prefix: string, start: number, text: string, note = ''): string[] {
  const from = Math.max(start, at + prefix.length + (prefix === '' ? 0 : 1));
  const lines = noted(wrap(text, WIDTH - from), note, WIDTH - from);
  return (lines.length === 0 ? [''] : lines).map((line, i) => {
    const head = i === 0 && prefix !== '' ? ' '.repeat(at) + prefix : '';
    return head.padEnd(from) + line;
  });
}

/** What the step says, with its answer unless the text has it already. */
function said(step: TraceStep): string {
  const silent = step.answer === '' || step.answer === '0' || step.text.includes(step.answer);
  return silent ? step.text : `${step.text} = ${step.answer}`;
}

const isLockStep = (step: TraceStep): boolean =>
  /^(?:.+_)?(?:lock|unlock|lock_shared|unlock_shared)$|^(?:down|up)_(?:read|write)$/.test(step.step);

/** Locks held, where a step changes them. */
function lockNote(step: TraceStep, before: TraceStep | undefined): string {
  const was = before === undefined ? [] : before.locks;
  const same = was.length === step.locks.length && was.every((lock) => step.locks.includes(lock));
  return same ? '' : `[${step.locks.join(', ')}]`;
}

/** Lock steps of one thread that follow each other go on one line where they fit; each keeps its number. */
function mayJoin(run: readonly TraceStep[], next: TraceStep, room: number): boolean {
  const last = run[run.length - 1];
  if (last === undefined || last.thread !== next.thread || last.depth !== next.depth) return false;
  if (!isLockStep(last) || !isLockStep(next) || last.returns !== null) return false;
  if (next.call !== null || next.enters.length > 0) return false;
  const numbers = run.length * (next.n.length + 3);
  const texts = [...run, next].reduce((sum, step) => sum + said(step).length, 0);
  return numbers + texts + 3 + lockNote(next, undefined).length <= room;
}

function grouped(trace: readonly TraceStep[], columns: ReadonlyMap<string, Column>): TraceStep[][] {
  const groups: TraceStep[][] = [];
  trace.forEach((step, i) => {
    const run = groups[groups.length - 1] ?? [];
    const column = columns.get(step.thread);
    const room = column === undefined ? 0 : WIDTH - indent(column, step.depth);
    // The guilty step stands alone: its marker has to point at it.
    if (i < trace.length - 1 && mayJoin(run, step, room)) run.push(step);
    else groups.push([step]);
  });
  return groups;
}

function rowsOf(
  group: readonly TraceStep[],
  before: TraceStep | undefined,
  column: Column,
  guilty: boolean,
  named: boolean,
): string[] {
  const step = group[0];
  const last = group[group.length - 1];
  const lines: string[] = [];
  const who = named ? `${step.thread}: ` : '';
  if (hasCallLine(step)) lines.push(...place(column.at, '', column.at, who + step.call));
  step.enters.forEach((name, i) => {
    const at = indent(column, step.depth - step.enters.length + i);
    lines.push(...place(at, '', at, name.endsWith(')') ? name : `${name}()`));
  });
  const start = indent(column, step.depth);
  const by = step.call === null || !hasCallLine(step) ? who : '';
  const text = by + group.map((s, i) => (i === 0 ? said(s) : `; ${s.n} ${said(s)}`)).join('');
  const numbered = place(column.numbers, step.n, start, text, lockNote(last, before));
  lines.push(...numbered);
  if (guilty) {
    const from = Math.max(start, column.numbers + step.n.length + 1);
    const length = Math.max(1, widest(wrap(text, WIDTH - from)));
    lines.push(' '.repeat(from) + '^'.repeat(length));
  }
  if (last.returns !== null && !['0', '', last.answer].includes(last.returns)) {
    lines.push(...place(column.at, '', column.at, `${who}= ${last.returns}`));
  }
  return lines;
}

/** Names over dashes; the last underline as long as what stands under it. */
function header(columns: readonly Column[], rows: readonly Row[]): string[] {
  const cells = columns.map((column, i) => {
    const next = columns[i + 1];
    const room = (next === undefined ? WIDTH : next.at - 2) - column.at;
    const names = wrap(column.name, room);
    const used = rows.filter((row) => row.at === column.at).map((row) => row.line.slice(column.at));
    const dashes = next === undefined ? Math.max(widest(names), widest(used)) : room;
    return { at: column.at, lines: [...names, '-'.repeat(Math.max(1, dashes))] };
  });
  const height = Math.max(...cells.map((cell) => cell.lines.length));
  return Array.from({ length: height }, (_, y) =>
    cells
      .reduce((line, cell) => line.padEnd(cell.at) + (cell.lines[y - height + cell.lines.length] ?? ''), '')
      .trimEnd(),
  );
}

/** All steps, none dropped. No thread, no table. */
export function raceTable(trace: readonly TraceStep[]): string[] {
  const columns = columnsOf(trace);
  const shared = columns.length > COLUMNS_MAX;
  const byName = new Map(columns.map((column) => [column.name, column]));
  const before = new Map<string, TraceStep>();
  const rows: Row[] = [];
  const groups = grouped(trace, byName);
  groups.forEach((group, i) => {
    const step = group[group.length - 1];
    const column = step === undefined ? undefined : byName.get(step.thread);
    if (step === undefined || column === undefined) return;
    const lines = rowsOf(group, before.get(step.thread), column, i === groups.length - 1, shared);
    rows.push(...lines.map((line) => ({ at: column.at, line })));
    before.set(step.thread, step);
  });
  if (rows.length === 0) return [];
  const first = columns[0];
  const headed = shared ? [{ ...first, name: `${columns.length} threads` }] : columns;
  return [...header(headed, rows), ...rows.map((row) => row.line.trimEnd())];
}
