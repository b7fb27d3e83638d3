// Which combinations of page state were reached: attribute x bracket x S2 x host mapping x refcount holder, for
// each base; and for those that were not, why they cannot be.

import type { Policy } from '../../api/index.ts';
import { explore } from '../../engine/explore.ts';
import { withPlaceBits } from '../../engine/system.ts';
import { BASES, type Base, type Config, assumptions, boundsOf } from '../../models/bounds.ts';
import { folioPin } from '../../policies/folio-pin.ts';
import { inKvmBracket } from '../spec/questions.ts';
import { type Model, freeEnvironment, makeModel } from '../system.ts';

export interface Cell {
  readonly attribute: 'shared' | 'private';
  /** Of KVM or of the inode, and it covers the page. */
  readonly bracket: 'closed' | 'open';
  readonly s2: 'none' | 'shared' | 'private' | 'both';
  readonly host: 'not mapped' | 'mapped';
  /** Beyond the page cache. */
  readonly holder: 'nobody' | 'lookup' | 'pin' | 'lookup and pin';
}

const ATTRIBUTES = ['shared', 'private'] as const;
const BRACKETS = ['closed', 'open'] as const;
const S2 = ['none', 'shared', 'private', 'both'] as const;
const HOST = ['not mapped', 'mapped'] as const;
const HOLDERS = ['nobody', 'lookup', 'pin', 'lookup and pin'] as const;

export const CELLS: readonly Cell[] = ATTRIBUTES.flatMap((attribute) =>
  BRACKETS.flatMap((bracket) =>
    S2.flatMap((s2) =>
      HOST.flatMap((host) => HOLDERS.map((holder) => ({ attribute, bracket, s2, host, holder }))),
    ),
  ),
);

export const cellName = ({ attribute, bracket, s2, host, holder }: Cell): string =>
  `${attribute}, bracket ${bracket}, S2 ${s2}, host ${host}, held by ${holder}`;

/** Number of the cell that a page is in. */
function cellAt({ machine, questions }: Model): (m: Int32Array, page: number) => number {
  const { at } = machine;
  const { view } = questions;
  return (m, page) => {
    const pfn = view.backing(m, page);
    const inode = m[at.gmem_in_progress] > 0 && ((m[at.gmem_range] >> page) & 1) === 1;
    const open = inode || inKvmBracket(questions, m, page) ? 1 : 0;
    const isShared = m[at.spte_shared + page] !== 0 ? 1 : 0;
    const isPrivate = view.mirror?.isPresent(m, page) === true || m[at.spte_private + page] !== 0 ? 2 : 0;
    const mapped = at.host_pte !== undefined && m[at.host_pte + page] !== 0 ? 1 : 0;
    const inPool = pfn >= 0 && m[at.page_cache + page] === pfn + 1;
    const lookup = inPool && m[at.lookup_refs + view.head(m, pfn)] > 0 ? 1 : 0;
    const pin = inPool && m[at.pins + pfn] > 0 ? 2 : 0;
    return (
      (((m[at.private + page] * 2 + open) * 4 + (isShared | isPrivate)) * 2 + mapped) * 4 + (lookup | pin)
    );
  };
}

/** One page, one thread of each kind: every race for a page of two of them. */
export function coverageConfig(base: Base, calls: number): Config {
  return {
    base,
    platform: 'bare',
    vmm: 'adversarial',
    bounds: { ...boundsOf('quick'), name: 'custom', calls, vmmThreads: 1, pages: 1, hugePages: 1 },
    device: null,
    assumptions: assumptions(),
    fail: null,
  };
}

/** Cells that some state of the search is in, by number; every step is told apart. folio-pin has all holders. */
export function reachedCells(config: Config, policy: Policy = folioPin): boolean[] {
  const model = makeModel(config, policy);
  const reached = CELLS.map(() => false);
  const cell = cellAt(model);
  const judge = (m: Int32Array): void => {
    for (let page = 0; page < model.machine.pages; page++) reached[cell(m, page)] = true;
  };
  return withPlaceBits(
    (bits) => model.system(freeEnvironment(model, config.bounds.calls), bits),
    (system) => {
      explore({ ...system, domain: { ...system.domain, judge } }, { statesMax: config.bounds.maxStates });
      return reached;
    },
  );
}

interface Reason {
  readonly when: (cell: Cell, base: Base) => boolean;
  readonly because: string;
}

/** Why a cell cannot be reached; the first that fits. */
const REASONS: readonly Reason[] = [
  {
    when: ({ host }, base) => base === 'linux-7.2' && host === 'mapped',
    because: 'gmem without INIT_SHARED is not mapped by user space',
  },
  {
    when: ({ attribute, holder }, base) =>
      base === 'linux-7.2' && attribute === 'shared' && holder !== 'nobody',
    because: 'a shared gfn is backed by memory of user space; holders are counted on gmem folios',
  },
  {
    when: ({ s2 }) => s2 === 'both',
    because: 'a fault installs the kind of the index, and the bracket zaps it before the index changes',
  },
  {
    when: ({ attribute, host }) => attribute === 'private' && host === 'mapped',
    because: 'unmap_mapping_pages() comes before the store, and no fault maps a private index',
  },
  {
    when: ({ attribute, s2 }) => s2 !== 'none' && s2 !== attribute,
    because: 'the bracket zaps before the store, and a fault from before it is retried',
  },
  {
    when: ({ attribute, holder }, base) =>
      base !== 'linux-7.2' && attribute === 'private' && /pin/.test(holder),
    because: 'folio-pin maps no private page on bare, and a pinned page does not become private',
  },
];

export const reasonFor = (cell: Cell, base: Base): string | null =>
  REASONS.find(({ when }) => when(cell, base))?.because ?? null;

/** Fewest calls that reach each cell, or why none do: what the baseline pins. */
export type Coverage = { readonly [base: string]: { readonly [cell: string]: number | string } };

export function coverage(callsMax: number): Coverage {
  return Object.fromEntries(
    BASES.map((base) => {
      const fewest = CELLS.map(() => 0);
      for (let calls = 1; calls <= callsMax; calls++)
        reachedCells(coverageConfig(base, calls)).forEach((is, k) => {
          if (is && fewest[k] === 0) fewest[k] = calls;
        });
      const entries = CELLS.map((cell, k): [string, number | string] => [
        cellName(cell),
        fewest[k] === 0 ? (reasonFor(cell, base) ?? `not reached with ${callsMax} calls`) : fewest[k],
      ]);
      return [base, Object.fromEntries(entries)];
    }),
  );
}
