// Part of a search in a worker thread: what both parts add up to is the same as without one.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { besideOf } from '../cli/beside.ts';
import { policiesOf } from '../cli/policies.ts';
import { type Config, assumptions, boundsOf } from '../models/bounds.ts';
import { EVENT } from '../models/events.ts';
import { none } from '../policies/none.ts';
import { type Part, partsOf, searchParts } from '../properties/parts.ts';
import { KEYS } from '../properties/properties.ts';
import { makeModel } from '../properties/system.ts';

const CALLS = 3;
const config: Config = {
  base: 'linux-7.2',
  platform: 'bare',
  vmm: 'cooperative',
  bounds: { ...boundsOf('quick'), name: 'custom', pages: 1, hugePages: 1, vmmThreads: 1, calls: CALLS },
  device: null,
  assumptions: assumptions(),
  fail: null,
};
const meanwhile = (): void => {};

/** A policy file, for as long as `use` runs. */
async function withFile<T>(body: string, use: (file: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'gmem-beside-'));
  try {
    const file = join(folder, 'mine.ts');
    const head = `name: 'mine', title: 'x', source: 'a test', base: 'linux-7.2'`;
    writeFileSync(
      file,
      `import { iommu_map, type Policy } from 'gmem-iommu-conformance/api';
export const mine: Policy = { ${head}, *ioas_map_file(range) { ${body} } };
void iommu_map;
`,
    );
    return await use(file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('each initial state is in one part, and a small search has one part', () => {
  expect(partsOf(config, CALLS)).toEqual([[0], [1]]);
  expect(partsOf(config, CALLS - 1)).toEqual([[0, 1]]);
  expect(partsOf({ ...config, base: 'rfc-v2', bounds: boundsOf('small') }, CALLS)).toEqual([
    [0, 1],
    [2, 3],
  ]);
});

describe('the same with a worker as without', () => {
  test('a bundled policy', async () => {
    const [named] = await policiesOf(['none']);
    const model = makeModel(config, named.policy);
    const { beside } = besideOf(named, undefined);
    if (beside === undefined) throw new Error('this machine has one core');
    const alone = searchParts(model, CALLS, { beside: undefined, meanwhile });
    let from: Part | null = null;
    const watched: typeof beside = (...args) => {
      const running = beside(...args);
      return (
        running && {
          stop: running.stop,
          result: (stop) => (from = running.result(stop)),
        }
      );
    };
    const both = searchParts(model, CALLS, { beside: watched, meanwhile });
    expect(from).not.toBeNull();
    expect(both).toEqual(alone);
    const nothing = { stop: meanwhile, result: () => null };
    expect(searchParts(model, CALLS, { beside: () => nothing, meanwhile })).toEqual(alone);
    expect(both.complete).toBe(true);
  });

  test('what the base does, until it is found', async () => {
    await withFile('return 0;', async (file) => {
      const [named] = await policiesOf([file]);
      const model = makeModel(config, none);
      const { beside } = besideOf(named, undefined);
      /* the first part is enough for one of them */
      for (const until of [[EVENT['page-freed']], [EVENT['page-freed'], EVENT.stuck]]) {
        const how = { base: true, until, meanwhile };
        const both = searchParts(model, CALLS, { ...how, beside });
        expect(both).toEqual(searchParts(model, CALLS, { ...how, beside: undefined }));
        expect(both.complete).toBe(until.includes(EVENT.stuck));
      }
    });
  });

  test('one of a file, and some of the invariants', async () => {
    await withFile('return 0;', async (file) => {
      const [named] = await policiesOf([file]);
      const only = KEYS.filter(({ name }) => name.startsWith('no-mapping-to-freed-page'));
      const model = makeModel(config, named.policy, { only });
      const { beside } = besideOf(named, only);
      expect(searchParts(model, CALLS, { beside, meanwhile })).toEqual(
        searchParts(model, CALLS, { beside: undefined, meanwhile }),
      );
    });
  });
});

describe('a worker that does not get there', () => {
  test('that fails says null', async () => {
    const [named] = await policiesOf(['none']);
    const { beside } = besideOf({ ...named, policy: { ...named.policy, name: 'nobody' } }, undefined);
    const running = beside?.({ config, calls: CALLS, initial: [1] });
    expect(running?.result(() => false)).toBeNull();
  });

  test('the error of a policy is told by the part that is searched here', async () => {
    await withFile("throw new Error('boom');", async (file) => {
      const [named] = await policiesOf([file]);
      const model = makeModel(config, named.policy);
      expect(() => searchParts(model, CALLS, { beside: undefined, meanwhile })).toThrow(
        'ioas_map_file() threw: boom',
      );
      expect(
        besideOf(named, undefined)
          .beside?.({ config, calls: CALLS, initial: [1] })
          ?.result(() => false),
      ).toBeNull();
    });
  });

  test('that is not wanted any more is not waited for', async () => {
    const [named] = await policiesOf(['none']);
    const model = makeModel(config, named.policy);
    const begun = Date.now();
    const part = searchParts(model, CALLS, {
      beside: besideOf(named, undefined).beside,
      stop: () => true,
      meanwhile,
    });
    expect(part.complete).toBe(false);
    expect(Date.now() - begun).toBeLessThan(10_000);
  });

  test('that is told to stop says how far it came', async () => {
    const [named] = await policiesOf(['none']);
    const { beside } = besideOf(named, undefined);
    const wholeDay: Config = { ...config, base: 'rfc-v2', bounds: boundsOf('large') };
    /* one that has not begun says nothing: on a busy machine it takes longer to begin */
    const toldAfter = (milliseconds: number): Part | null => {
      const told = Date.now() + milliseconds;
      return (
        beside?.({ config: wholeDay, calls: wholeDay.bounds.calls, initial: [1] })?.result(
          () => Date.now() > told,
        ) ?? null
      );
    };
    const part = toldAfter(500) ?? toldAfter(5000) ?? toldAfter(50_000);
    expect(part?.complete).toBe(false);
  });
});
