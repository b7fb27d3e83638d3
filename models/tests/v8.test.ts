// KVM_SET_MEMORY_ATTRIBUTES2 of v8: each outcome of __kvm_gmem_set_attributes(), alone and against one other call.

import { describe, expect, test } from 'vitest';
import type { Policy } from '../../api/index.ts';
import { explore } from '../../engine/explore.ts';
import { replay } from '../../engine/replay.ts';
import { type CallOffer, withPlaceBits } from '../../engine/system.ts';
import { type Assumptions, type Config, type PlatformName, assumptions, boundsOf } from '../bounds.ts';
import { describeState } from '../describe-state.ts';
import { lruNotDrained } from '../../policies/broken/v8/lru-not-drained.ts';
import { folioPin } from '../../policies/folio-pin.ts';
import { invalidateCallback } from '../../policies/invalidate-callback.ts';
import { none } from '../../policies/none.ts';
import { type Model, makeModel } from '../../properties/system.ts';
import { parseScenario, tryScenario } from '../../properties/litmus/try.ts';

const SHARED = 0;
const PRIVATE = 1;

function modelOf(
  policy: Policy,
  platform: PlatformName,
  changed: Partial<Assumptions> = {},
  fail: Config['fail'] = null,
): Model {
  const config = {
    base: 'v8',
    platform,
    vmm: 'adversarial',
    bounds: boundsOf('quick'),
    device: 'T0',
    assumptions: assumptions(changed),
    fail,
  } as const;
  return makeModel(config, policy);
}

/** Every outcome, with the fields asked for as they are in one final state of it. */
function outcomesOf(model: Model, text: string, initial: number, fields: readonly string[] = []): string[] {
  const found: string[] = [];
  const { outcomes, complete } = tryScenario(model, text, {
    flip: false,
    initial,
    traceOf: (_model, system, path) => {
      const state = describeState(model.machine, replay(system, path).last);
      found.push(fields.map((field) => `${field}: ${state.get(field) ?? 'unknown'}`).join('; '));
      return [];
    },
  });
  expect(complete).toBe(true);
  return outcomes.map(({ outcome }, k) => (fields.length === 0 ? outcome : `${outcome} | ${found[k]}`));
}

/** What any interleaving of the calls breaks. */
function keysHit(model: Model, text: string, initial: number): string[] {
  const groups = parseScenario(text, model.table, model.machine);
  const offers = model.machine.threads.map((_, thread) =>
    (groups.find((group) => group.thread === thread)?.calls ?? []).map(
      ({ name, fn, args }) => ({ name, fn, args }) as CallOffer,
    ),
  );
  const { hits, complete } = withPlaceBits(
    (bits) => model.system({ kind: 'scenario', offers }, bits, initial),
    explore,
  );
  expect(complete).toBe(true);
  return model.keys.filter(({ property }) => hits[property] > 0).map(({ name }) => name);
}

describe('a conversion alone', () => {
  const bare = modelOf(none, 'bare');

  test('changes the whole range at once, present or not', () => {
    expect(outcomesOf(bare, 'A: convert_private 0-1', SHARED, ['index 0', 'index 1'])).toEqual([
      'A: 0 | index 0: private, not allocated; index 1: private, not allocated',
    ]);
  });

  test('keeps the page', () => {
    const text = 'A: host_write 0; convert_private 0; convert_shared 0';
    expect(outcomesOf(bare, text, SHARED, ['index 0'])).toEqual(['A: 0, 0, 0 | index 0: shared, pfn 0']);
  });

  test('of what has the attribute already does nothing: no bracket, no zap', () => {
    const { machine } = bare;
    const seen: number[] = [];
    tryScenario(bare, 'A: host_write 0; convert_shared 0', {
      flip: false,
      initial: SHARED,
      traceOf: (_model, system, path) => {
        const { last } = replay(system, path);
        seen.push(last[machine.at.mmu_invalidate_seq], last[machine.at.host_pte]);
        return [];
      },
    });
    expect(seen).toEqual([0, 1]);
  });

  test('takes the host mapping and lets nobody map it again', () => {
    const text = 'A: host_write 0; convert_private 0; host_write 0';
    expect(outcomesOf(bare, text, SHARED, ['host PTE[index 0]'])).toEqual([
      'A: 0, 0, -SIGBUS | host PTE[index 0]: none',
    ]);
  });

  test('without memory for the tree changes nothing', () => {
    const model = modelOf(none, 'bare', {}, 'mas_preallocate');
    const text = 'A: host_write 0; convert_private 0-1';
    expect(outcomesOf(model, text, SHARED, ['index 0', 'host PTE[index 0]'])).toEqual([
      'A: 0, -ENOMEM | index 0: shared, pfn 0; host PTE[index 0]: pfn 0',
      'A: 0, 0 | index 0: private, pfn 0; host PTE[index 0]: none',
    ]);
  });

  test('of a closed fd is -EBADF', () => {
    expect(outcomesOf(bare, 'A: close; convert_private 0', SHARED)).toEqual(['A: 0, -EBADF']);
  });
});

describe('a folio in an LRU batch', () => {
  const field = 'LRU batch of pfn 0';

  test('is there from its allocation on, until a batch is drained, which may be at any time', () => {
    expect(outcomesOf(modelOf(none, 'bare'), 'A: allocate 0', SHARED, [field])).toEqual([
      'A: 0 | LRU batch of pfn 0: none',
    ]);
    const { at } = modelOf(none, 'bare').machine;
    expect(at.lru_add).toBeGreaterThan(0);
    expect(makeModel({ ...modelOf(none, 'bare').config, base: 'rfc-v2' }, none).machine.at.lru_add).toBe(
      undefined,
    );
  });

  test('is no reason to refuse: the conversion drains', () => {
    expect(outcomesOf(modelOf(none, 'bare'), 'A: allocate 0-1; convert_private 0-1', SHARED)).toEqual([
      'A: 0, 0',
    ]);
  });

  test('is one where it does not', () => {
    const broken = modelOf(lruNotDrained, 'bare');
    expect(outcomesOf(broken, 'A: allocate 0; convert_private 0', SHARED)).toEqual([
      'A: 0, -EAGAIN',
      'A: 0, 0',
    ]);
  });

  test('goes to the allocator with the last reference, the batch', () => {
    const ends = outcomesOf(modelOf(none, 'bare'), 'A: allocate 0; punch_hole 0', SHARED, ['pfn 0', field]);
    expect(ends).toEqual(['A: 0, 0 | pfn 0: free; LRU batch of pfn 0: none']);
  });
});

describe('a range that holds both kinds', () => {
  const MIXED = 'V: fault_private 0 | A: convert_shared 1; convert_private 0-1';
  const LOST = 'neighbour-content-survives (zapped with the range)';

  test('becomes private, and v8 zaps what was private already', () => {
    expect(keysHit(modelOf(none, 'tdx'), MIXED, PRIVATE)).toEqual([LOST]);
  });

  test('becomes private, and the rest stays, where one kind is zapped', () => {
    expect(keysHit(modelOf(none, 'tdx', { 'v8.conversion-zaps-one-kind': true }), MIXED, PRIVATE)).toEqual(
      [],
    );
  });

  test('loses nothing where a zap destroys nothing', () => {
    expect(keysHit(modelOf(none, 'sev-snp'), MIXED, PRIVATE)).toEqual([]);
  });
});

describe('a page that the IOMMU has pinned', () => {
  const model = modelOf(folioPin, 'bare');

  test('refuses to become private, unmapped by then and otherwise unchanged', () => {
    const text = 'A: host_write 1; map 1; convert_private 0-1';
    expect(outcomesOf(model, text, SHARED, ['index 0', 'index 1', 'host PTE[index 1]'])).toEqual([
      'A: 0, 0, -EAGAIN | index 0: shared, not allocated; index 1: shared, pfn 0; host PTE[index 1]: none',
    ]);
  });

  test('does so for ever, until it is unpinned', () => {
    expect(outcomesOf(model, 'A: map 0; convert_private 0; convert_private 0', SHARED)).toEqual([
      'A: 0, -EAGAIN, -EAGAIN',
    ]);
    expect(outcomesOf(model, 'A: map 0; convert_private 0; unmap 0; convert_private 0', SHARED)).toEqual([
      'A: 0, -EAGAIN, 0, 0',
    ]);
  });
});

describe('a conversion to shared', () => {
  test('looks at no reference', () => {
    const model = modelOf(folioPin, 'sev-snp');
    expect(outcomesOf(model, 'A: map 0; convert_shared 0', PRIVATE, ['RMP[pfn 0]'])).toEqual([
      'A: 0, 0 | RMP[pfn 0]: shared',
    ]);
  });

  test('takes the page state of the guest away', () => {
    const snp = modelOf(none, 'sev-snp');
    expect(outcomesOf(snp, 'V: fault_private 0', PRIVATE, ['RMP[pfn 0]'])).toEqual([
      'V: 0 | RMP[pfn 0]: gfn 0, 4K, validated',
    ]);
    const tdx = modelOf(none, 'tdx');
    const ends = outcomesOf(tdx, 'V: fault_private 0 | A: convert_shared 0', PRIVATE, ['S-EPT[gfn 0]']);
    expect(ends).toEqual(['V: -EFAULT; A: 0 | S-EPT[gfn 0]: FREE', 'V: 0; A: 0 | S-EPT[gfn 0]: FREE']);
  });
});

describe('two at a time', () => {
  test('a host fault that has dropped invalidate_lock makes the conversion fail, or loses its PTE', () => {
    const bare = modelOf(none, 'bare');
    const ends = outcomesOf(bare, 'A: host_write 0 | B: convert_private 0', SHARED, ['host PTE[index 0]']);
    expect(ends).toEqual([
      'A: -SIGBUS; B: 0 | host PTE[index 0]: none',
      'A: 0; B: -EAGAIN | host PTE[index 0]: pfn 0',
      'A: 0; B: 0 | host PTE[index 0]: none',
    ]);
  });

  test('a map under the callback sees the page before the bracket or is refused after it', () => {
    const tdx = modelOf(invalidateCallback, 'tdx');
    const ends = outcomesOf(tdx, 'A: map 0 | B: convert_private 0', SHARED, ['IOPTE[iova 0]']);
    expect(ends.filter((end) => !end.endsWith('IOPTE[iova 0]: none'))).toEqual([
      'A: 0; B: -EAGAIN | IOPTE[iova 0]: pfn 0, 4K',
    ]);
  });
});
