// The searches of one policy, one half of each on another core.

import type { Config } from '../models/bounds.ts';
import { none } from '../policies/none.ts';
import { type OtherCore, HALVED_CALLS, type Wanted, halvesOf, searchHalf } from '../properties/halves.ts';
import type { Key } from '../properties/spec/keys.ts';
import { makeModel } from '../properties/system.ts';
import type { Pool, Task } from './pool.ts';
import type { Named } from './policies.ts';
import { guardOf } from './watchdog.ts';

/** What the worker is to search. `only`: the keys that are judged; the base's are not the policy's. */
export function taskOf(
  { policy, file }: Named,
  only: readonly { readonly name: string }[] | undefined,
  wanted: Wanted,
): Task {
  if (wanted.base === true) return { policy: none.name, file: null, only: null, wanted };
  return {
    policy: policy.name,
    file: file ?? null,
    only: only?.map(({ name }) => name) ?? null,
    wanted,
  };
}

export const otherCoreOf = (
  pool: Pool,
  named: Named,
  only: readonly { readonly name: string }[] | undefined,
): OtherCore => ({
  start: (wanted) => pool.start(taskOf(named, only, wanted)),
  known: (wanted) => pool.known(taskOf(named, only, wanted)),
});

/**
 * Has the whole search of this configuration begun before it is asked for, so that no core waits for the other; it
 * is the one that properties/search.ts makes.
 */
export function searchAhead(
  pool: Pool,
  named: Named,
  only: readonly Key[] | undefined,
  config: Config,
  stop: () => boolean,
): void {
  const { calls, preemptions } = config.bounds;
  if (calls !== HALVED_CALLS || preemptions !== null) return;
  for (const initial of halvesOf(config, calls))
    pool.ahead(taskOf(named, only, { config, calls, initial }), () => {
      const judged = only === undefined ? {} : { only };
      const model = makeModel(config, named.policy, { ...guardOf(named.bundled), ...judged });
      return searchHalf(model, calls, initial, { stop });
    });
}
