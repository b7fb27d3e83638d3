// Halves of searches in a worker thread: what they add up to is the same as without one.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { otherCoreOf, searchAhead, taskOf } from '../other-core.ts';
import { type Named, policiesOf } from '../policies.ts';
import { type Pool, openPool } from '../pool.ts';
import { type Config, assumptions, boundsOf } from '../../models/bounds.ts';
import { EVENT } from '../../models/events.ts';
import { none } from '../../policies/none.ts';
import { type OtherCore, type Wanted, halvesOf, searchHalf, searchHalves } from '../../properties/halves.ts';
import { KEYS } from '../../properties/spec/keys.ts';
import { makeModel } from '../../properties/system.ts';

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
const never = (): boolean => false;

/* a worker takes a second to begin: most tests share one */
const common = openPool(2);
const opened: Pool[] = [common];
const pool = (): Pool => {
  const made = openPool(2);
  opened.push(made);
  return made;
};
afterAll(() => {
  for (const made of opened) made.close();
});

/** The worker has begun with what is started. */
function otherCoreFor(named: Named, only?: typeof KEYS): OtherCore {
  const otherCore = otherCoreOf(common, named, only);
  return { ...otherCore, start: (wanted) => begun(otherCore.start(wanted)) };
}

const second: Wanted = { config, calls: CALLS, initial: [1] };

/** Waits until the worker has begun with all: what it has not begun when it is asked for is searched here. */
function begun<T>(running: T): T {
  const nobody = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  for (let tries = 0; opened.some((each) => each.waiting() > 0); tries++) {
    if (tries === 1000) throw new Error('the worker does not begin');
    Atomics.wait(nobody, 0, 0, 20);
  }
  return running;
}

/** A policy file, for as long as `use` runs. */
async function withFile<T>(body: string, use: (file: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'gmem-other-core-'));
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

test('each initial state is in one half, and a small search is not cut', () => {
  expect(halvesOf(config, CALLS)).toEqual([[0], [1]]);
  expect(halvesOf(config, CALLS - 1)).toEqual([[0, 1]]);
  expect(halvesOf({ ...config, base: 'rfc-v2', bounds: boundsOf('small') }, CALLS)).toEqual([
    [0, 1],
    [2, 3],
  ]);
});

describe('the same with a worker as without', () => {
  test('a bundled policy', async () => {
    const [named] = await policiesOf(['none']);
    const model = makeModel(config, named.policy);
    const alone = searchHalves(model, CALLS, { otherCore: undefined, meanwhile });
    const both = searchHalves(model, CALLS, { otherCore: otherCoreFor(named), meanwhile });
    expect(both).toEqual(alone);
    const nothing = { stop: meanwhile, result: () => null };
    const otherCore = { start: () => nothing, known: () => null };
    expect(searchHalves(model, CALLS, { otherCore, meanwhile })).toEqual(alone);
    expect(both.complete).toBe(true);
  });

  test('what the base does, until it is found', async () => {
    await withFile('return 0;', async (file) => {
      const [named] = await policiesOf([file]);
      const model = makeModel(config, none);
      const otherCore = otherCoreFor(named);
      /* the first half is enough for one of them */
      for (const until of [[EVENT['page-freed']], [EVENT['page-freed'], EVENT.stuck]]) {
        const how = { base: true, until, meanwhile };
        const both = searchHalves(model, CALLS, { ...how, otherCore });
        expect(both).toEqual(searchHalves(model, CALLS, { ...how, otherCore: undefined }));
        expect(both.complete).toBe(until.includes(EVENT.stuck));
      }
    });
  });

  test('one of a file, and some of the invariants', async () => {
    await withFile('return 0;', async (file) => {
      const [named] = await policiesOf([file]);
      const only = KEYS.filter(({ name }) => name.startsWith('no-mapping-to-freed-page'));
      const model = makeModel(config, named.policy, { only });
      const otherCore = otherCoreFor(named, only);
      expect(searchHalves(model, CALLS, { otherCore, meanwhile })).toEqual(
        searchHalves(model, CALLS, { otherCore: undefined, meanwhile }),
      );
    });
  });
});

describe('a worker that does not get there', () => {
  test('that fails says null', async () => {
    const [named] = await policiesOf(['none']);
    const otherCore = otherCoreFor({ ...named, policy: { ...named.policy, name: 'nobody' } });
    expect(otherCore.start(second)?.result(never)).toBeNull();
  });

  test('the error of a policy is told by the half that is searched here', async () => {
    await withFile("throw new Error('boom');", async (file) => {
      const [named] = await policiesOf([file]);
      const model = makeModel(config, named.policy);
      expect(() => searchHalves(model, CALLS, { otherCore: undefined, meanwhile })).toThrow(
        'ioas_map_file() threw: boom',
      );
      expect(otherCoreFor(named).start(second)?.result(never)).toBeNull();
    });
  });

  test('that is not wanted any more is not waited for', async () => {
    const [named] = await policiesOf(['none']);
    const model = makeModel(config, named.policy);
    const begun = Date.now();
    const tally = searchHalves(model, CALLS, {
      otherCore: otherCoreFor(named),
      stop: () => true,
      meanwhile,
    });
    expect(tally.complete).toBe(false);
    expect(Date.now() - begun).toBeLessThan(10_000);
  });

  test('that is told to stop says how far it came', async () => {
    const [named] = await policiesOf(['none']);
    const otherCore = otherCoreFor(named);
    const wholeDay: Config = { ...config, base: 'rfc-v2', bounds: boundsOf('large') };
    const wanted = { config: wholeDay, calls: wholeDay.bounds.calls, initial: [1] };
    const running = otherCore.start(wanted);
    const told = Date.now() + 500;
    expect(running?.result(() => Date.now() > told)?.complete).toBe(false);
  });

  test('that has not begun is told nothing: it is searched here', async () => {
    const [named] = await policiesOf(['none']);
    const otherCore = otherCoreOf(pool(), named, undefined);
    expect(otherCore.start(second)?.result(never)).toBeNull();
  });

  test('that was closed starts nothing more', async () => {
    const [named] = await policiesOf(['none']);
    const closed = pool();
    const task = taskOf(named, undefined, second);
    const running = begun(closed.start(task));
    closed.close();
    expect(running?.result(never)).toBeNull();
    expect(closed.start(task)).toBeNull();
    expect(openPool(1).start(task)).toBeNull();
  });
});

describe('what is searched ahead', () => {
  test('is what is asked for later, whoever has searched it', async () => {
    const [named] = await policiesOf(['none']);
    const model = makeModel(config, named.policy);
    const shared = common;
    searchAhead(shared, named, undefined, config, never);
    const otherCore = otherCoreOf(shared, named, undefined);
    const found = halvesOf(config, CALLS).map(
      (initial) =>
        begun(otherCore.known({ config, calls: CALLS, initial }))?.result(never) ??
        searchHalf(model, CALLS, initial, {}),
    );
    expect(found).toEqual(halvesOf(config, CALLS).map((initial) => searchHalf(model, CALLS, initial, {})));
    /* it is handed out once */
    expect(otherCore.known({ config, calls: CALLS, initial: [0] })).toBeNull();
  });

  test('is searched here while the worker is busy with what is waited for', async () => {
    const [named] = await policiesOf(['none']);
    const shared = common;
    const wholeDay = { ...config, bounds: { ...boundsOf('large'), name: 'custom' as const } };
    const busy = begun(shared.start(taskOf(named, undefined, { ...second, config: wholeDay, calls: 5 })));
    const made = searchHalf(makeModel(config, named.policy), CALLS, [0], {});
    const [fails, works] = [[0, 1], [0]].map((initial) => taskOf(named, undefined, { ...second, initial }));
    let helped = 0;
    shared.ahead(fails, () => {
      throw new Error('boom');
    });
    shared.ahead(works, () => {
      helped++;
      return made;
    });
    expect(busy?.result(() => helped > 0)?.complete).toBe(false);
    expect(helped).toBe(1);
    expect(shared.known(works)?.result(never)).toEqual(made);
    /* the error is told by the search that is made where it is asked for */
    expect(shared.known(fails)?.result(never)).toBeNull();
  });

  test('is nothing where the search is a small one or has no end', async () => {
    const [named] = await policiesOf(['none']);
    const shared = common;
    for (const bounds of [
      { ...config.bounds, calls: CALLS - 1 },
      { ...config.bounds, calls: CALLS + 1 },
      { ...config.bounds, preemptions: 2 },
    ]) {
      searchAhead(shared, named, undefined, { ...config, bounds }, never);
      const initial = [0];
      const otherCore = otherCoreOf(shared, named, undefined);
      expect(otherCore.known({ config: { ...config, bounds }, calls: bounds.calls, initial })).toBeNull();
    }
  });
});
