// docs/uapi.md from the tables. uapi/uapi.test.ts compares; `npm run uapi` writes.

import type { BaseName } from '../api/index.ts';
import { FAULTS } from './faults.ts';
import { CALLS, type Judged } from './suite.ts';
import { BASES } from './spec/table.ts';

const HEAD = [
  '# Argument checks',
  '',
  'Written by `npm run uapi` from `uapi/spec/`; do not edit.',
  '',
  'What each call says to bad arguments, in the order of the checks: the first row that holds decides. This is the',
  'sequential half of `errno-as-documented`: one caller, nothing in between, 64-bit arguments. `uapi/model/` has the',
  "checks as the kernel makes them, under the kernel's names; `uapi/mutants.test.ts` holds them against these",
  'tables with generated arguments at the edges, several of them bad at once, and fails where a row is never reached.',
  '',
  'Columns: `linux-7.2` is the source of Linux 7.2, `rfc-v2` the RFC of 14 May 2025 (conversion ioctls, 1G pages), `v8`',
  'the series of 18 Jun 2026 (in-place conversion). `.`: the base makes no such check. `?`: not read on this base.',
  '`*`: what the base does is something else, see below the table. 0 is success, also where it is a descriptor or an',
  'address. Rows with one errno cannot be told apart from outside; they are listed in the order of the code.',
  '',
];

const TAIL = [
  '## Planted faults',
  '',
  'One function each in `uapi/broken/`; `errno-as-documented` must catch every one of them, and the shrunk',
  'arguments are in `uapi/__snapshots__/mutants.test.ts.snap`.',
  '',
];

const NOT_COVERED = [
  '',
  '`>` for `>=` in the first half of `offset >= i_size || offset + size > i_size` (docs/objections.md D37) is not among',
  'them: once size 0 and a wrap are refused, the second half refuses offset == i_size, and the two cannot be told apart.',
  'The difference is seen where size 0 gets that far (`size-zero`) and in the fault (`fault-at-end`).',
  '',
  '## Not covered',
  '',
  '* What a call does once its arguments are good: the concurrent machine. Of its failures only those are here that user',
  '  space sees as an errno: references, memory, signals, firmware.',
  '* Architectures other than x86-64; 32-bit callers; KVM_SET_USER_MEMORY_REGION without 2.',
  '* `ftruncate()`, `fchmod()` (-EINVAL in all bases), `read()`, `write()`, `mbind()`, `madvise()`.',
  '* Huge pages of rfc-v2: their creation flags, alignment of `mmap()`, -EAGAIN of PUNCH_HOLE.',
  '* Guest faults, KVM_PRE_FAULT_MEMORY and launch on rfc-v2.',
  '* The commands around a launch: -ENOTTY, -EPERM and mirrors of SEV.',
  '* IOMMU_IOAS_MAP_FILE: a guest_memfd is not accepted by Linux 7.2.',
  '* Limits of a process, security modules, fanotify, compat.',
  '* Nothing was run on a kernel. Every row was read from the source or the mail that its table names.',
  '',
];

const WIDTH = 11;

function tableOf({ table }: Judged): string[] {
  const cell = (base: BaseName, number: number): string => {
    if (!table.bases.includes(base)) return '?';
    const { ret, departs } = table.rows[number];
    return ret[base] === undefined ? '.' : `${ret[base]}${departs?.[base] === undefined ? '' : ' *'}`;
  };
  const cells = table.rows.map((_row, number) => BASES.map((base) => cell(base, number)));
  const widths = BASES.map((base, k) =>
    Math.max(WIDTH, base.length + 2, ...cells.map((each) => each[k].length + 2)),
  );
  const line = (first: string, columns: readonly string[], says: string): string =>
    `${first.padStart(2)}  ${columns.map((text, k) => text.padEnd(widths[k])).join('')}${says}`;
  const departures = table.rows.flatMap(({ departs, says }) =>
    BASES.flatMap((base) => {
      const departure = departs?.[base];
      return departure === undefined ? [] : [`* \\* ${base}, ${says}: ${departure.says}.`];
    }),
  );
  const notes = [...departures, ...(table.notes ?? []).map((note) => `* ${note}`)];
  return [
    `## ${table.call}`,
    '',
    `Source: ${table.source}.`,
    '',
    '```',
    line('#', BASES, 'condition'),
    ...table.rows.map(({ says }, number) => line(String(number + 1), cells[number], says)),
    '```',
    '',
    ...(notes.length === 0 ? [] : [...notes, '']),
  ];
}

export function uapiPage(): string {
  const faults = FAULTS.map(({ name, base, judged }) => `* \`${name}\`: ${judged.name} on ${base}`);
  return [...HEAD, ...CALLS.flatMap(tableOf), ...TAIL, ...faults, ...NOT_COVERED].join('\n');
}
