// Every scenario that once failed: still as written, and a damaged file says what is wrong with it.

import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { replay } from '../../engine/replay.ts';
import { PLATFORMS, assumptions, boundsOf } from '../../models/bounds.ts';
import { POLICIES } from '../../policies/index.ts';
import {
  type CorpusEntry,
  CorpusError,
  configOfEntry,
  isAbout,
  loadCorpus,
  runCorpus,
  runEntry,
  toCorpus,
} from './corpus.ts';
import { keyOf } from '../spec/keys.ts';
import { disagreements } from '../spec/tests/definitions.ts';
import { type Model, freeEnvironment, makeModel } from '../system.ts';

const folder = new URL('../../corpus/', import.meta.url);
const textOf = (file: string): string => readFileSync(new URL(file, folder), 'utf8');
const entries = readdirSync(folder).map((file): [string, CorpusEntry] => [
  file,
  loadCorpus(file, textOf(file)),
]);

function modelOf(entry: CorpusEntry): Model {
  const policy = POLICIES.find(({ name }) => name === entry.policy);
  if (policy === undefined) throw new Error(`there is no policy ${entry.policy}`);
  const { base, platform, vmm } = entry;
  const defaults = { base, platform, vmm, bounds: boundsOf('small'), device: null, fail: null } as const;
  return makeModel(configOfEntry(entry, { ...defaults, assumptions: assumptions() }), policy);
}

test('there are enough of them to be worth running first', () => {
  expect(entries.length).toBeGreaterThanOrEqual(5);
});

describe.each(entries)('%s', (_file, entry) => {
  const model = modelOf(entry);

  test('does what it says', () => {
    expect(isAbout(entry, model)).toBe(true);
    expect(runEntry(model, entry)).toMatchObject({
      asExpected: true,
      asWritten: entry.result === 'Sometimes',
    });
  });

  test('gives a path on the free system that replays', () => {
    const key = keyOf(entry.invariant, entry.outcome);
    const found = runCorpus(model, [entry]);
    if (entry.result === 'Never') {
      expect(found.size).toBe(0);
      return;
    }
    const path = key === undefined ? undefined : found.get(key.property);
    if (path === undefined || key === undefined) throw new Error('not found');
    const system = model.system(freeEnvironment(model, model.config.bounds.calls), 16);
    const { steps } = replay(system, path);
    expect(steps.at(-1)?.properties).toContain(key.property);
    expect(disagreements(model, system, steps)).toEqual([]);
    expect(toCorpus(model, { key, system, path }, entry.note)).toEqual(entry);
  });
});

describe('an entry', () => {
  const [, entry] = entries.find(([file]) => file === 'convert-after-map-tdx.json') ?? entries[0];
  const model = modelOf(entry);

  test('whose schedule has changed is searched for among all schedules', () => {
    const late: CorpusEntry = { ...entry, schedule: [['vCPU 0', 50]] };
    expect(runEntry(model, late)).toMatchObject({ asExpected: true, asWritten: false });
    const unknown: CorpusEntry = { ...entry, schedule: [['vCPU 9', 1]], initial: 'of another model' };
    expect(runEntry(model, unknown)).toMatchObject({ asExpected: true, asWritten: false });
  });

  test('that says Never and is met is not as expected', () => {
    expect(runEntry(model, { ...entry, result: 'Never' }).asExpected).toBe(false);
  });

  test('of a call or an invariant that is no more says so', () => {
    expect(runEntry(model, { ...entry, calls: [['VMM 0', 'madvise()']] })).toMatchObject({
      path: null,
      gone: 'a thread or a call of that name is not there',
    });
    expect(runEntry(model, { ...entry, outcome: 'none' }).gone).toContain('none');
  });

  test.each([
    { policy: 'none' },
    { platform: 'bare' },
    { vmm: 'cooperative' },
    { device: 'T0' },
    { assumptions: { 'iommu.sync-drains-dma': false } },
    { bounds: { ...entry.bounds, calls: 4 } },
    { bounds: { ...entry.bounds, pages: 4 } },
  ] as const)('is not about this model with %j, unless its devices are a part of it', (other) => {
    expect(isAbout({ ...entry, ...other }, model)).toBe('device' in other);
  });
});

describe('a damaged file', () => {
  const [, good] = entries[0];
  test.each([
    ['not JSON', '{ "note": ', 'not JSON'],
    ['another shape', '[1]', 'expected an object, found [1]'],
    ['a missing field', JSON.stringify({ ...good, note: undefined }), 'note: expected a text, found nothing'],
    ['an unknown field', JSON.stringify({ ...good, seed: 1 }), 'seed: unknown; known: note, policy, base'],
    [
      'an unknown platform',
      JSON.stringify({ ...good, platform: 'sgx' }),
      `platform: expected one of ${PLATFORMS.join(', ')}; found "sgx"`,
    ],
    [
      'a count',
      JSON.stringify({ ...good, schedule: [['VMM 0', 0]] }),
      'schedule[0][1]: expected a whole number above 0, found 0',
    ],
    ['a pair', JSON.stringify({ ...good, calls: [['VMM 0']] }), 'calls[0]: expected a pair, found ["VMM 0"]'],
    ['an empty list', JSON.stringify({ ...good, calls: [] }), 'calls: expected a list, found []'],
    [
      'inside',
      JSON.stringify({ ...good, bounds: { ...good.bounds, pages: '2' } }),
      'bounds.pages: expected a whole number above 0, found "2"',
    ],
    ['an assumption', JSON.stringify({ ...good, assumptions: { x: true } }), 'assumptions.x: unknown'],
    [
      'a flag',
      JSON.stringify({ ...good, assumptions: { 'iommu.sync-drains-dma': 1 } }),
      'expected true or false, found 1',
    ],
  ])('%s', (_what, text, message) => {
    expect(() => loadCorpus('x.json', text)).toThrow(CorpusError);
    expect(() => loadCorpus('x.json', text)).toThrow(message);
    expect(() => loadCorpus('x.json', text)).toThrow(/^x\.json: /);
  });
});
