// Writes the schedules of corpus/ anew after a change of steps: the same calls, the lowest schedule in (switches,
// steps) that breaks the same invariant in the same way. npm run corpus, and read the diff.

import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { searchBySwitches } from '../engine/by-switches.ts';
import { initialStates } from '../models/boot.ts';
import { type Config, assumptions, boundsOf } from '../models/bounds.ts';
import { BROKEN } from '../policies/broken/index.ts';
import { POLICIES } from '../policies/index.ts';
import { type CorpusEntry, configOfEntry, loadCorpus, toCorpus } from '../properties/corpus/corpus.ts';
import { keyOf } from '../properties/spec/keys.ts';
import { inOrderOfStart, movesOfNames, namesOf, systemFor } from '../properties/sampling/named-paths.ts';
import { freeEnvironment, makeModel, offersOf } from '../properties/system.ts';

const PLACE_BITS = 20;
const folder = new URL('../corpus/', import.meta.url);

function rewritten(entry: CorpusEntry): CorpusEntry {
  const policy = [...POLICIES, ...BROKEN].find(({ name }) => name === entry.policy);
  const key = keyOf(entry.invariant, entry.outcome);
  if (policy === undefined || key === undefined)
    throw new Error(`${entry.policy}, ${entry.invariant}: not here`);
  const { base, platform, vmm } = entry;
  const defaults: Config = {
    base,
    platform,
    vmm,
    bounds: boundsOf('small'),
    device: null,
    assumptions: assumptions(),
    fail: null,
  };
  const model = makeModel(configOfEntry(entry, defaults), policy);
  const offers = model.machine.threads.map(({ name, kind }) =>
    entry.calls
      .filter(([thread]) => thread === name)
      .flatMap(([, call]) => offersOf(model.table, kind).filter((offer) => offer.name === call)),
  );
  const initial = initialStates(model.config).findIndex(({ says }) => says === entry.initial);
  const { domain } = model;
  const fromThere = {
    ...model,
    domain: {
      ...domain,
      initial: (fresh: () => Int32Array) => domain.initial(fresh).slice(initial, initial + 1),
    },
  };
  const scenario = systemFor(fromThere, { kind: 'scenario', offers }, [key], PLACE_BITS);
  const hit = searchBySwitches(scenario, { by: 'switches', until: [key.property] }).found.get(key.property);
  if (hit === undefined) throw new Error(`${entry.policy}, ${entry.invariant}: not hit any more`);
  const free = systemFor(model, freeEnvironment(model, entry.bounds.calls), [key], PLACE_BITS);
  const moves = movesOfNames(free, inOrderOfStart(free, namesOf(scenario, hit.path.moves)));
  if (moves === null) throw new Error(`${entry.policy}, ${entry.invariant}: no path of the free environment`);
  return toCorpus(model, { key, system: free, path: { initial, moves } }, entry.note);
}

for (const name of readdirSync(folder).filter((file) => file.endsWith('.json'))) {
  const file = new URL(name, folder);
  const entry = loadCorpus(name, readFileSync(file, 'utf8'));
  if (entry.result === 'Never') continue;
  try {
    writeFileSync(file, `${JSON.stringify(rewritten(entry), null, 2)}\n`);
  } catch (error) {
    console.error(`${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
