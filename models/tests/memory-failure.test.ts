// What memory_failure() leaves behind: a page that is nobody's any more, and a reference that nobody puts.

import { describe, expect, test } from 'vitest';
import type { State } from '../../engine/layout.ts';
import { type Base, type Cast, assumptions, boundsOf } from '../bounds.ts';
import { OWNER } from '../machine.ts';
import { none } from '../../policies/none.ts';
import { freeEnvironment, makeModel } from '../../properties/system.ts';

const CALLS = 16;
const PLACE_BITS = 16;

/** Calls in turn on the first page. */
function sequence(base: Base, cast: readonly Cast[]) {
  const model = makeModel(
    {
      base,
      platform: 'bare',
      vmm: 'adversarial',
      bounds: boundsOf('quick'),
      device: null,
      assumptions: assumptions(),
      fail: null,
      cast,
    },
    none,
  );
  const { machine, interpreter, keys } = model;
  const { at } = machine;
  const system = model.system(freeEnvironment(model, CALLS), PLACE_BITS);
  const m: State = system.initial[0].slice();
  const hit = new Set<string>();
  const step = (move: number): void => {
    system.domain.events.length = 0;
    expect(system.step(m, move)).toBe(true);
    for (const event of system.domain.events)
      for (const { property, name } of keys) if (property === event) hit.add(name);
  };
  const finish = (thread: number): void => {
    while (m[system.placeAt[thread]] !== 0) step(system.continueMove(thread));
  };
  const start = (word: string): number => {
    const thread = machine.threads.findIndex(
      ({ kind }) => kind === (word === 'memory_failure' ? 'mf' : 'vmm'),
    );
    const wanted = model.table.calls.find(
      (call) => call.word === word && call.range.start === 0 && call.range.end <= 1,
    );
    step(
      system.startMove(
        thread,
        system.environment.offers[thread].findIndex(({ name }) => name === wanted?.name),
      ),
    );
    return thread;
  };
  /** Up to where the thread is about to make this step. */
  const stepUntil = (thread: number, op: string): void => {
    const due = (): string => interpreter.stepOf(system.calls.op[m[system.placeAt[thread]]]).op;
    while (due() !== op) step(system.continueMove(thread));
  };
  const reuse = interpreter.agents.findIndex(({ name }) => name === 'host: allocator reuses a free page');
  const batches = interpreter.agents.flatMap(({ drains }, agent) => (drains === undefined ? [] : [agent]));
  return {
    hit,
    start,
    finish,
    stepUntil,
    /** Each to its end; then no LRU batch holds a page. */
    run: (...words: readonly string[]): void => {
      for (const word of words) {
        finish(start(word));
        for (const agent of batches) system.step(m, system.agentMove(agent));
      }
    },
    /** pfn at index 0, or -1. */
    cached: (): number => m[at.page_cache] - 1,
    page: (pfn: number) => ({
      isFree: m[at.owner + pfn] === OWNER.free,
      isPoisoned: m[at.hwpoison + pfn] === 1,
    }),
    seq: (): number => m[at.mmu_invalidate_seq],
    isPrivate: (): boolean => m[at.private] === 1,
    /** With an IOPTE that nobody has cleared, the allocator has a reason to hand out a free page. */
    isReused: (pfn: number): boolean => {
      const other = m.slice();
      other[at.iopte] = pfn + 1;
      return interpreter.agents[reuse].act(other) && other[at.owner + pfn] === OWNER.host;
    },
  };
}

const EVERYWHERE = (['linux-7.2', 'rfc-v2', 'v8'] as const).flatMap((base) =>
  ([[], ['host']] as const).map((cast) => [base, cast] as const),
);

describe.each(EVERYWHERE)('%s, cast %j', (base, cast) => {
  test('neither guest_memfd nor the host gets a poisoned page again', () => {
    const plain = sequence(base, cast);
    plain.run('allocate');
    const pfn = plain.cached();
    plain.run('punch_hole');
    expect(plain.page(pfn)).toEqual({ isFree: true, isPoisoned: false });
    expect(plain.isReused(pfn)).toBe(true);
    plain.run('allocate');
    expect(plain.cached()).toBe(pfn);

    const failed = sequence(base, cast);
    failed.run('allocate', 'memory_failure', 'punch_hole');
    expect(failed.page(pfn)).toEqual({ isFree: true, isPoisoned: true });
    expect(failed.isReused(pfn)).toBe(false);
    failed.run('allocate');
    expect(failed.cached()).not.toBe(pfn);
    expect(failed.page(failed.cached()).isPoisoned).toBe(false);
    expect(failed.page(pfn).isPoisoned).toBe(true);
  });

  test('a second failure of the page ends before error_remove_folio()', () => {
    const failed = sequence(base, cast);
    failed.run('allocate', 'memory_failure');
    const seq = failed.seq();
    expect(seq).toBeGreaterThan(0);
    failed.run('memory_failure');
    expect(failed.seq()).toBe(seq);
  });
});

describe('v8', () => {
  test.each([[[]], [['host']]] as const)('a poisoned page is not made private, cast %j', (cast) => {
    const failed = sequence('v8', cast);
    failed.run('allocate', 'memory_failure', 'convert_private');
    expect(failed.isPrivate()).toBe(false);
    /* it is not the batch that is in the way */
    expect([...failed.hit].filter((name) => name.startsWith('no-refusal-without-user'))).toEqual([]);
    failed.run('punch_hole', 'convert_private');
    expect(failed.isPrivate()).toBe(true);
  });

  test('a reference that comes too late for the check is not held against the conversion', () => {
    const late = sequence('v8', []);
    late.run('allocate');
    const vmm = late.start('convert_private');
    late.stepUntil(vmm, 'store_attributes');
    late.start('memory_failure');
    late.finish(vmm);
    expect(late.isPrivate()).toBe(true);
    expect([...late.hit].filter((name) => name.startsWith('conversion-sees'))).toEqual([]);
  });
});

test('the folio that has failed is looked at, and not what is at its index later', () => {
  const failed = sequence('linux-7.2', ['host']);
  failed.run('allocate');
  const pfn = failed.cached();
  const mf = failed.start('memory_failure');
  failed.run('punch_hole', 'allocate');
  expect(failed.cached()).not.toBe(pfn);
  const seq = failed.seq();
  failed.finish(mf);
  expect(failed.seq()).toBe(seq);
  expect(failed.page(failed.cached()).isPoisoned).toBe(false);
});
