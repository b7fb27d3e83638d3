// The lowest path to a key among given calls, where a search of all calls is too large.

import { searchBySwitches } from '../../engine/by-switches.ts';
import { type CallOffer, withPlaceBits } from '../../engine/system.ts';
import type { Key } from '../spec/keys.ts';
import { inOrderOfStart, movesOfNames, namesOf } from '../sampling/named-paths.ts';
import type { Finding } from '../finding.ts';
import { type Model, freeEnvironment } from '../system.ts';
import { parseScenario } from './parse.ts';

const PLACE_BITS = 20;

/** Fewest switches, then fewest steps, of all schedules of the calls that `try` would read from the text. */
export function findAmong(model: Model, key: Key, text: string): Finding | null {
  const groups = parseScenario(text, model.table, model.machine);
  const offers = model.machine.threads.map((_, thread) =>
    (groups.find((group) => group.thread === thread)?.calls ?? []).map(
      ({ name, fn, args }) => ({ name, fn, args }) as CallOffer,
    ),
  );
  const found = withPlaceBits(
    (bits) => model.system({ kind: 'scenario', offers }, bits),
    (system) => {
      const hit = searchBySwitches(system, { by: 'switches', until: [key.property] }).found.get(key.property);
      return hit === undefined ? null : { hit, names: namesOf(system, hit.path.moves) };
    },
  );
  if (found === null) return null;
  const { hit, names } = found;
  const calls = offers.flat().length;
  const system = model.system(freeEnvironment(model, calls), PLACE_BITS);
  const moves = movesOfNames(system, inOrderOfStart(system, names));
  if (moves === null) throw new Error(`no such calls: ${text}`);
  const path = { initial: hit.path.initial, moves };
  return {
    key,
    system,
    path,
    calls: names.filter(({ starts }) => starts !== null).length,
    switches: hit.rank,
    steps: hit.steps,
    certified: false,
    certifiedStates: 0,
  };
}
