// The planted faults: which invariant caught each, in how many seeds, and the size of its shortest trace.

import type { FaultResult } from '../models/results.ts';
import { hang, listed, plain, plural } from './layout.ts';

const NAME = 31;

const HEAD = `${'invariant'.padEnd(NAME)} caught  seeds  calls switches steps race`;
const UNDER = `${'  fault'.padEnd(NAME)}`;
const DASHES = `${'-'.repeat(NAME - 1)}  ------ ------ ----- -------- ----- ----`;

function row(fault: FaultResult): string[] {
  const seeds = `${fault.seedsCaught}/${fault.seeds}`;
  const sizes = fault.caught
    ? `${String(fault.calls).padStart(5)} ${String(fault.switches).padStart(8)} ${String(fault.steps).padStart(5)}${fault.certified ? '*' : ' '}`
    : '    -        -     - ';
  const race = fault.caught ? (fault.needsRace ? 'yes' : 'no') : '-';
  const cells = `${(fault.caught ? 'yes' : 'NO').padEnd(6)} ${seeds.padStart(6)} ${sizes} ${race}`;
  const name = `  ${fault.name}`;
  return name.length < NAME
    ? [`${name.padEnd(NAME)} ${cells}`]
    : [...hang('  ', fault.name), `${''.padEnd(NAME)} ${cells}`];
}

/** Grouped by invariant, in the order in which they first come. */
export function faults(list: readonly FaultResult[]): string {
  const invariants = [...new Set(list.map((fault) => fault.invariant))];
  const rows = invariants.flatMap((name) => [
    ...hang('', name),
    ...list.filter((f) => f.invariant === name).flatMap(row),
  ]);
  const survivors = list.filter((fault) => !fault.caught).map((fault) => fault.name);
  const caught = list.length - survivors.length;
  const survived = survivors.length === 0 ? '' : ` SURVIVED: ${listed(survivors)}.`;
  const legend = [
    'race: not found without a preemption. seeds: sampled, and caught by.',
    ...(list.some((f) => f.certified) ? ['*: certified, no shorter trace within the bounds.'] : []),
  ];
  return plain([
    HEAD,
    UNDER,
    DASHES,
    ...rows,
    '',
    ...legend,
    ...hang('', `${caught} of ${plural(list.length, 'planted fault')} caught.${survived}`, 2),
  ]);
}
