// All policies on all platforms: one grid a VMM, then what the numbers in it mean, then the shortest
// counterexamples.

import { match } from 'ts-pattern';

import type { Result, Violation, Vmm } from '../models/results.ts';
import { hang, plain, underlined, WIDTH } from './layout.ts';
import { cause, heading, replayLines, sizeText, tableOf } from './mail.ts';
import { byGravity, bySize, isBaseFinding, isGuilt } from './words.ts';

export interface MatrixCell {
  readonly policy: string;
  readonly base: string;
  readonly platform: string;
  readonly vmm: Vmm;
  readonly result: Result;
  /** How far it came, bounds and then word: `quick exhausted`, `small exhausted`, `small bounded`. */
  readonly reached: string;
}

export interface MatrixOptions {
  /** Everything the grid was made with, for its header: `seed 42, 45 s`. */
  readonly settings?: string;
}

const unique = (words: readonly string[]): string[] => [...new Set(words)];

const worst = (list: readonly Violation[]): Violation | undefined => [...list].sort(byGravity)[0];

/** What a cell names: the policy's own breach, else the base's. */
function firstBroken(result: Result): string | null {
  if (result.verdict === 'vacuous' || result.verdict === 'not-applicable') return null;
  const own = worst(result.violations.filter(isGuilt));
  return (own ?? worst(result.violations.filter(isBaseFinding)))?.invariant ?? null;
}

/** Invariants broken anywhere, numbered in the order in which the grid shows them. */
function numbersOf(cells: readonly MatrixCell[]): Map<string, number> {
  const names = unique(cells.map((cell) => firstBroken(cell.result)).filter((name) => name !== null));
  return new Map(names.map((name, i) => [name, i + 1]));
}

/** `quick` from `quick exhausted` */
const boundsName = (cell: MatrixCell): string => cell.reached.split(' ')[0] ?? '';

function howFar(cell: MatrixCell): string {
  const word = cell.reached.split(' ').slice(1).join(' ');
  const short =
    word === 'exhausted' ? 'all' : word === 'bounded' ? 'part' : word === 'sampled' ? 'runs' : word;
  return short === '' ? boundsName(cell) : `${boundsName(cell)}: ${short}`;
}

/** Two lines: verdict, and how far it came. */
function cellText(cell: MatrixCell, numbers: ReadonlyMap<string, number>): readonly [string, string] {
  const { result } = cell;
  const broken = firstBroken(result);
  const key = broken === null ? '' : ` ${numbers.get(broken) ?? ''}`;
  const flips = result.dependsOn.length > 0 ? '?' : '';
  const alone = result.policy === 'none' ? `base${key}` : `none found b${key.trim()}`;
  const pass = result.violations.some(isBaseFinding) ? alone : 'none found';
  const verdict = match(result.verdict)
    .with('violated', () => `VIOLATED${key}`)
    .with('exhausted', 'bounded', 'sampled', () => pass)
    .with('vacuous', () => 'vacuous')
    .with('not-applicable', () => 'n/a')
    .exhaustive();
  return [verdict + flips, result.verdict === 'not-applicable' ? '' : howFar(cell)];
}

interface Grid {
  readonly cells: readonly MatrixCell[];
  readonly platforms: readonly string[];
  readonly nameWidth: number;
  readonly cellWidth: number;
}

/** As many platforms side by side as fit. */
function gridsOf(cells: readonly MatrixCell[], texts: readonly string[]): Grid[] {
  const nameWidth = Math.min(34, Math.max(...cells.map((c) => c.policy.length), 4)) + 1;
  const platforms = unique(cells.map((cell) => cell.platform));
  const least = Math.max(...texts.map((t) => t.length), ...platforms.map((p) => Math.min(p.length, 34))) + 1;
  const perGrid = Math.max(1, Math.floor((WIDTH + 1 - nameWidth) / least));
  const cellWidth = Math.min(13, Math.floor((WIDTH + 1 - nameWidth) / Math.min(perGrid, platforms.length)));
  const grids: Grid[] = [];
  for (let i = 0; i < platforms.length; i += perGrid) {
    grids.push({
      cells,
      platforms: platforms.slice(i, i + perGrid),
      nameWidth,
      cellWidth: Math.max(least, cellWidth),
    });
  }
  return grids;
}

const padded = (name: string, width: number): string =>
  name.length < width ? name.padEnd(width) : `${name.slice(0, width - 2)}~ `;

function policyRows(
  grid: Grid,
  policy: string,
  base: string,
  texts: (cell: MatrixCell) => readonly [string, string],
): string[] {
  const row = grid.platforms.map((platform) => {
    const cell = grid.cells.find((c) => c.policy === policy && c.base === base && c.platform === platform);
    return cell === undefined ? (['', ''] as const) : texts(cell);
  });
  const line = (which: 0 | 1): string =>
    row
      .map((pair) => pair[which].padEnd(grid.cellWidth))
      .join('')
      .trimEnd();
  const name = padded(policy, grid.nameWidth);
  return [name + line(0), ...(line(1) === '' ? [] : [' '.repeat(grid.nameWidth) + line(1)])];
}

function gridLines(grid: Grid, vmm: Vmm, texts: (cell: MatrixCell) => readonly [string, string]): string[] {
  const names = grid.platforms.map((platform) => padded(platform, grid.cellWidth));
  const dashes = grid.platforms.map((_, i) =>
    '-'.repeat(grid.cellWidth - 1 - (i === grid.platforms.length - 1 ? 1 : 0)),
  );
  const lines = [
    `VMM ${vmm}`,
    ' '.repeat(grid.nameWidth) + names.join('').trimEnd(),
    '-'.repeat(grid.nameWidth - 1) + ' ' + dashes.join(' '),
  ];
  for (const base of unique(grid.cells.map((cell) => cell.base))) {
    lines.push(...hang('', `on ${base}:`));
    const policies = unique(grid.cells.filter((cell) => cell.base === base).map((cell) => cell.policy));
    for (const policy of policies) lines.push(...policyRows(grid, policy, base, texts));
  }
  return [...lines, ''];
}

const LEGEND = [
  'VIOLATED n: the policy breaks invariant n. none found: it breaks none;',
  'b n: its base breaks invariant n without any policy, as row none shows.',
  'Below it the bounds: all = exhausted, part = bounded, runs = sampled.',
];

function legend(shown: readonly string[]): string[] {
  const lines = [...LEGEND];
  if (shown.some((t) => t.endsWith('?'))) lines.push('?: flips with an assumption, listed below.');
  if (shown.some((t) => t.startsWith('vacuous')))
    lines.push('vacuous: the races in question were not reached; no verdict.');
  return [...lines, ''];
}

/** `folio-pin on tdx`, with the VMM where only one of them depends on it. */
function usesOf(users: readonly MatrixCell[], policy: string): string {
  const own = users.filter((cell) => cell.policy === policy);
  const vmms = unique(own.map((cell) => cell.vmm));
  return `${policy} on ${unique(own.map((cell) => cell.platform)).join(', ')}${vmms.length === 1 ? ` (VMM ${vmms[0]})` : ''}`;
}

function flips(cells: readonly MatrixCell[]): string[] {
  const names = unique(cells.flatMap((cell) => cell.result.dependsOn)).sort();
  const lines = names.flatMap((name) => {
    const users = cells.filter((cell) => cell.result.dependsOn.includes(name));
    const policies = unique(users.map((cell) => cell.policy)).map((policy) => usesOf(users, policy));
    return hang('  ', `${name}: ${policies.join('; ')}`, 2);
  });
  return lines.length === 0 ? [] : ['Assumptions that flip a verdict when changed', ...lines, ''];
}

/** The shortest of a policy's own violations, over all cells. */
function shortestOf(cells: readonly MatrixCell[]): { cell: MatrixCell; violation: Violation } | null {
  const all = cells.flatMap((cell) =>
    cell.result.violations.filter(isGuilt).map((violation) => ({ cell, violation })),
  );
  return all.sort((a, b) => bySize(a.violation, b.violation))[0] ?? null;
}

function counterexamples(cells: readonly MatrixCell[]): string[] {
  const found = unique(cells.map((cell) => cell.policy)).map((policy) =>
    shortestOf(cells.filter((cell) => cell.policy === policy)),
  );
  const lines = found.flatMap((best) => {
    if (best === null) return [];
    const { cell, violation } = best;
    return [
      ...heading(cell.result, violation),
      '',
      ...tableOf(violation),
      ...cause(cell.result, violation),
      ...hang('', `${sizeText(violation)}${violation.certified ? ', certified' : ''}. Replay:`),
      ...replayLines(cell.result, violation),
      '',
    ];
  });
  return lines.length === 0
    ? []
    : [...underlined('Shortest counterexample of each policy that is not conformant'), '', ...lines];
}

export function matrix(cells: readonly MatrixCell[], options: MatrixOptions = {}): string {
  const numbers = numbersOf(cells);
  const texts = (cell: MatrixCell): readonly [string, string] => cellText(cell, numbers);
  const shown = cells.flatMap((cell) => texts(cell));
  const vmms = unique(cells.map((cell) => cell.vmm)) as Vmm[];
  const grids = vmms.flatMap((vmm) =>
    gridsOf(
      cells.filter((c) => c.vmm === vmm),
      shown,
    ).flatMap((grid) => gridLines(grid, vmm, texts)),
  );
  const named = [...numbers].map(([name, n]) => `  ${String(n).padStart(2)}  ${name}`);
  return plain([
    ...(options.settings === undefined ? [] : [...hang('', options.settings, 2), '']),
    ...grids,
    ...(cells.length === 0 ? ['No cells.'] : legend(shown)),
    ...(named.length === 0 ? [] : ['Broken invariants, the gravest of each cell', ...named, '']),
    ...flips(cells),
    ...counterexamples(cells),
  ]);
}
