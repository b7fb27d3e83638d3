// The revoke of a dma-buf on the concurrent machine (--cast dmabuf): all interleavings of a few calls.

import { describe, expect, test } from 'vitest';
import type { Policy } from '../../api/index.ts';
import { explore } from '../../engine/explore.ts';
import { type Domain, withPlaceBits } from '../../engine/system.ts';
import { type Cast, type Config, assumptions, boundsOf } from '../bounds.ts';
import { EVENT, type EventName } from '../events.ts';
import { BROKEN } from '../../policies/broken/index.ts';
import { AREA, DMABUF } from '../machine.ts';
import { none } from '../../policies/none.ts';
import { vmmRemap } from '../../policies/vmm-remap.ts';
import { type Model, freeEnvironment, makeModel } from '../../properties/system.ts';
import { type ThreadCalls, parseScenario } from '../../properties/litmus/parse.ts';
import { tryScenario } from '../../properties/litmus/try.ts';

const onePage = { ...boundsOf('quick'), name: 'custom', pages: 1, hugePages: 1 };

const modelOf = (policy: Policy, cast: readonly Cast[] = ['dmabuf'], bounds = onePage): Model => {
  const config: Config = {
    base: 'linux-7.2',
    platform: 'bare',
    vmm: 'adversarial',
    bounds,
    device: null,
    assumptions: assumptions(),
    fail: null,
    cast,
  };
  return makeModel(config, policy);
};

/** What each call may return. */
const outcomesOf = (scenario: string): string[] => [
  ...new Set(tryScenario(modelOf(none), scenario, { flip: false }).outcomes.map((o) => o.outcome)),
];

interface Seen {
  readonly broken: readonly string[];
  readonly races: readonly EventName[];
}
const RACES = ['revoke-finds-area', 'revoke-meets-map', 'revoke-meets-unmap', 'revoke-meets-attach'] as const;

const offersIn = (groups: readonly ThreadCalls[], thread: number) =>
  (groups.find((group) => group.thread === thread)?.calls ?? []).map(
    ({ name, fn, args }) => ({ name, fn, args }) as never,
  );

/** Keys that are broken, and races that are reached. */
function seenIn(scenario: string, policy: Policy = none, cast?: readonly Cast[], pages = 1): Seen {
  const model = modelOf(policy, cast, pages === 1 ? onePage : boundsOf('quick'));
  const groups = parseScenario(scenario, model.table, model.machine);
  const offers = model.machine.threads.map((_, thread) => offersIn(groups, thread));
  return withPlaceBits(
    (bits) => model.system({ kind: 'scenario', offers }, bits, 0),
    (system) => {
      const { hits } = explore(system, { eager: true });
      return {
        broken: model.keys.filter(({ property }) => hits[property] > 0).map(({ name }) => name),
        races: RACES.filter((name) => hits[EVENT[name]] > 0),
      };
    },
  );
}

const plantedNamed = (name: string): Policy => {
  const policy = BROKEN.find((each) => each.name === name);
  if (policy === undefined) throw new Error(name);
  return policy;
};

describe('a revoke that races with', () => {
  test('a map leaves it refused, or its area empty, or takes the memory out of it', () => {
    expect(outcomesOf('A: map_dmabuf 0 | E: revoke')).toEqual(['A: -ENODEV; E: 0', 'A: 0; E: 0']);
    expect(seenIn('A: map_dmabuf 0 | E: revoke | D: write 0')).toEqual({
      broken: [],
      races: ['revoke-finds-area', 'revoke-meets-map'],
    });
  });

  test('an unmap unmaps once', () => {
    expect(outcomesOf('A: map_dmabuf 0; unmap 0 | E: revoke')).toEqual([
      'A: -ENODEV, -ENOENT; E: 0',
      'A: 0, 0; E: 0',
    ]);
    expect(seenIn('A: map_dmabuf 0; unmap 0 | E: revoke')).toEqual({ broken: [], races: RACES.slice(0, 3) });
  });

  test('two maps of one IOVA, one of which finds it taken', () => {
    const scenario = 'A: map_dmabuf 0; unmap 0 | B: map_dmabuf 0 | E: revoke';
    expect(outcomesOf(scenario)).toContain('A: 0, 0; B: -EEXIST; E: 0');
    expect(seenIn(scenario).broken).toEqual([]);
  });

  test('areas of the file, of which it takes nothing', () => {
    const scenario = 'A: map_dmabuf 0; map 1; unmap 0-1 | E: revoke';
    expect(seenIn(scenario, vmmRemap, ['dmabuf'], 2)).toEqual({ broken: [], races: RACES.slice(0, 3) });
  });

  test('an attach of the domain (cast domains)', () => {
    const cast = ['domains', 'dmabuf'] as const;
    const scenario = 'A: map_dmabuf 0 | B: attach | E: revoke';
    expect(seenIn(scenario, none, cast, 2)).toEqual({
      broken: [],
      races: ['revoke-finds-area', 'revoke-meets-map', 'revoke-meets-attach'],
    });
    expect(seenIn('A: map_dmabuf 0; detach | B: attach | E: revoke', none, cast, 2).broken).toEqual([]);
    /* the same fill serves an attach */
    const { broken } = seenIn(
      'A: map_dmabuf 0; attach | E: revoke',
      plantedNamed('fill-drops-mutex'),
      cast,
      2,
    );
    expect(broken).toContain('no-access-after-revoke (IOPTE)');
  });
});

test('what was revoked stays empty when the memory is given out again, a new map has it', () => {
  expect(outcomesOf('E: revoke; unrevoke | A: map_dmabuf 0')).toEqual([
    'E: 0, 0; A: -ENODEV',
    'E: 0, 0; A: 0',
  ]);
  const model = modelOf(none);
  const { outcomes } = tryScenario(model, 'E: revoke; unrevoke | A: map_dmabuf 0 | D: write 0', {
    flip: false,
  });
  expect(outcomes.length).toBeGreaterThan(1);
  expect(seenIn('A: map_dmabuf 0; unmap 0; map_dmabuf 0 | E: revoke; unrevoke').broken).toEqual([]);
});

test('what is written down agrees: attachments, areas, trackers', () => {
  const model = modelOf(none);
  const { at, threads } = model.machine;
  const wrong = new Set<string>();
  const judge: Domain['judge'] = (m, _hits, placeAt) => {
    const idle = placeAt.every((slot) => m[slot] === 0);
    if (m[at.dmabuf_pages] !== DMABUF.none && m[at.area] === AREA.none)
      wrong.add('iopt_pages without an area');
    if (m[at.dmabuf_tracked] === 1 && m[at.dmabuf_pages] === DMABUF.none)
      wrong.add('tracked without an area');
    if (m[at.dmabuf_pages] === DMABUF.empty && m[at.iopte] !== 0) wrong.add('revoked, and an IOPTE');
    if (idle && threads.some((_, t) => m[at.dmabuf_attached + t] !== 0)) wrong.add('an attachment is left');
    if (idle && m[at.area] === AREA.mapped && m[at.dmabuf_tracked] === 0) wrong.add('mapped and not tracked');
  };
  Object.assign(model.domain, { judge });
  const { machine, table } = model;
  const groups = parseScenario(
    'A: map_dmabuf 0; unmap 0; map_dmabuf 0 | E: revoke; unrevoke',
    table,
    machine,
  );
  const offers = threads.map((_, thread) => offersIn(groups, thread));
  withPlaceBits(
    (bits) => model.system({ kind: 'scenario', offers }, bits, 0),
    (system) => explore(system, {}),
  );
  expect([...wrong]).toEqual([]);
});

test('without the cast there is nothing of it', () => {
  const { machine, table } = modelOf(none, []);
  expect(machine.threads.map(({ name }) => name)).not.toContain('EXP');
  expect(table.words).not.toContain('map_dmabuf');
  expect(machine.fields.some(({ name }) => /dmabuf|memory_lock|dma_resv/.test(name))).toBe(false);
});

test('Linux 7.2 keeps its order of locks, and passes with two calls', () => {
  const model = modelOf(none);
  expect(model.questions.lockCycle()).toEqual([]);
  const { hits } = withPlaceBits(
    (bits) => model.system(freeEnvironment(model, 2), bits),
    (system) => explore(system, { eager: true }),
  );
  expect(model.keys.filter(({ property }) => hits[property] > 0).map(({ name }) => name)).toEqual([]);
});

describe('planted', () => {
  test.each([
    ['revoke-without-flush', 'no-access-after-revoke (IOTLB)'],
    ['fill-drops-mutex', 'no-access-after-revoke (IOPTE)'],
    ['phys-len-kept', 'no-access-after-revoke (IOPTE)'],
    ['revoked-unmapped-again', 'unmap-returns-its-size (size)'],
    ['dma-resv-under-pages-mutex', 'every-call-returns (stuck)'],
    ['revoked-asked-at-attach', 'no-access-after-revoke (IOPTE)'],
  ])('%s', (name, key) => {
    const scenario = 'A: map_dmabuf 0; unmap 0 | E: revoke';
    expect(seenIn(scenario, plantedNamed(name)).broken).toContain(key);
  });

  test('dma-resv-under-pages-mutex closes a cycle, and says who takes which lock', () => {
    const cycle = modelOf(plantedNamed('dma-resv-under-pages-mutex')).questions.lockCycle();
    expect(cycle.map((edge) => edge.split(' in ')[0])).toEqual([
      'dma_resv -> dmabuf_pages_mutex',
      'dmabuf_pages_mutex -> dma_resv',
    ]);
  });
});
