// faults: each planted fault, which invariant catches it, its shortest trace, and in how many seeds sampling
// finds it.

import { SEEDS, judgeFault } from '../../properties/known/faults.ts';
import { faults } from '../../reports/faults.ts';
import { faultsJson } from '../../reports/json.ts';
import { plantedFaults } from '../policies.ts';
import { openSession, print } from '../session.ts';
import { STATUS } from '../status.ts';
import { type RawOptions, UsageError, formatOf, numberOf } from '../usage.ts';

const SEEDS_MAX = 1000;

export async function faultsCommand(
  names: readonly string[],
  options: RawOptions & { readonly seeds?: string },
): Promise<number> {
  const format = formatOf(options);
  const planted = await plantedFaults();
  const unknown = names.find((name) => planted.every((policy) => policy.name !== name));
  if (unknown !== undefined)
    throw new UsageError(
      `there is no planted fault '${unknown}'; known: ${planted.map((policy) => policy.name).join(', ')}`,
    );
  const seeds = options.seeds === undefined ? SEEDS : numberOf('--seeds', options.seeds, 0, SEEDS_MAX);
  const session = openSession(null);
  const chosen = planted.filter((policy) => names.length === 0 || names.includes(policy.name));
  const results = [];
  for (const policy of chosen) {
    if (session.interrupted()) break;
    session.progress(policy.name, { phase: 'planted fault', states: 0, runs: 0, found: results.length });
    results.push(judgeFault(policy, seeds));
  }
  session.clearProgress();
  print(format === 'json' ? faultsJson(results) : faults(results));
  if (session.interrupted()) return STATUS.interrupted;
  return results.every(({ caught }) => caught) ? STATUS.conformant : STATUS.violated;
}
