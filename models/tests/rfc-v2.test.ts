// What inspection of RFC v2 has found (docs/objections.md D12, D13, D15, D21, D34), reproduced on the base
// alone, or shown to be none.

import { describe, expect, test } from 'vitest';
import { explore } from '../../engine/explore.ts';
import { type CallOffer, makeSystem, withPlaceBits } from '../../engine/system.ts';
import { type Assumptions, type Config, type PlatformName, assumptions, boundsOf } from '../bounds.ts';
import { none } from '../../policies/none.ts';
import { freeEnvironment, makeModel } from '../../properties/system.ts';
import { parseScenario } from '../../properties/litmus/parse.ts';

/** Names of all that is broken on rfc-v2 with no IOMMU, by any two calls. */
function broken(
  platform: PlatformName,
  fail: Config['fail'],
  changed: Partial<Assumptions> = {},
  cast: Config['cast'] = [],
): string[] {
  const config: Config = {
    base: 'rfc-v2',
    platform,
    vmm: 'adversarial',
    bounds: boundsOf('quick'),
    device: null,
    assumptions: assumptions(changed),
    fail,
    cast,
  };
  const model = makeModel(config, none);
  const { hits, complete } = withPlaceBits(
    (bits) => model.system(freeEnvironment(model, config.bounds.calls), bits),
    (system) => explore(system, { eager: true, statesMax: 1_000_000 }),
  );
  expect(complete).toBe(true);
  return model.keys.filter((key) => hits[key.property] > 0).map((key) => key.name);
}

/** D34: it needs no failure, so it is in each result. */
const HOLE = 'neighbour-content-survives (wiped by a hole)';
const ENDS = { 'rfc-v2.undo-loop-ends': true };

describe('rfc-v2 alone', () => {
  test('a hole in the second half of a huge page wipes the first (D34)', () => {
    expect(broken('bare', null)).toEqual([HOLE]);
  });

  test('where the slot has no mapping of the file, shared SPTEs stay (D21)', () => {
    expect(broken('bare', null, { 'vmm.slot-hva-maps-gmem': false })).toEqual([
      'no-stale-s2 (shared SPTE)',
      HOLE,
    ]);
  });

  test('-ENOMEM of the work list is a success (D12)', () => {
    expect(broken('bare', 'add_to_work_list')).toEqual([HOLE, 'all-or-nothing (not converted)']);
  });

  test('-ENOMEM of the store leaves error_offset as it was, after the private leaves are gone (D13, D20)', () => {
    expect(broken('bare', 'mas_store_gfp')).toEqual([HOLE, 'error-offset-in-range (error_offset)']);
    expect(broken('tdx', 'mas_store_gfp')).toContain('no-zap-before-point-of-no-return (S-EPT)');
  });

  test.each(['split_folio', 'merge_folio'] as const)(
    'the loop that puts back has no end at index 0: %s',
    (step) => {
      expect(broken('bare', step)).toEqual([
        HOLE,
        'no-unbounded-retry (unsigned index)',
        'every-call-returns (stuck)',
      ]);
    },
  );

  test.each(['mas_store_gfp', 'split_folio', 'merge_folio'] as const)(
    'with one huge page the rollback of the failed work as well is right after one failure (D15): %s',
    (step) => {
      expect(broken('bare', step, ENDS)).toEqual([HOLE, 'error-offset-in-range (error_offset)']);
    },
  );

  test('release zaps one kind: shared SPTEs of a TD outlive their pages', () => {
    expect(broken('tdx', null)).toContain('no-mapping-to-freed-page (shared SPTE)');
  });
});

test('PSMASH of an RMP fault is of the page that the fault has looked up, and holds', () => {
  const bounds = { ...boundsOf('quick'), vcpus: 2 };
  const config = { base: 'rfc-v2', platform: 'sev-snp', vmm: 'adversarial', bounds, device: null } as const;
  const model = makeModel({ ...config, assumptions: assumptions(), fail: null }, none);
  const { machine, interpreter, tries, domain } = model;
  const { at } = machine;
  const groups = parseScenario(
    'A: punch_hole 0-1 | V0: fault_private 0 | V1: fault_private 0',
    model.table,
    machine,
  );
  const offers = machine.threads.map((_, thread) =>
    (groups.find((group) => group.thread === thread)?.calls ?? []).map(
      ({ name, fn, args }) => ({ name, fn, args }) as CallOffer,
    ),
  );
  const smashed = new Set<'held' | 'not held'>();
  const apply = (m: Int32Array, thread: number, op: number): number => {
    const before = interpreter.stepOf(op).op === 'psmash' ? m.slice() : null;
    const answer = domain.apply(m, thread, op);
    for (let pfn = 0; before !== null && pfn < machine.pfns; pfn += machine.huge)
      if (m[at.rmp_2m + pfn] !== before[at.rmp_2m + pfn])
        smashed.add(before[at.lookup_refs + pfn] > 0 ? 'held' : 'not held');
    return answer;
  };
  /* private, in a huge page */
  const initial = (fresh: () => Int32Array): Int32Array[] => [domain.initial(fresh)[3]];
  const { complete } = withPlaceBits(
    (placeBits) =>
      makeSystem({ ...domain, apply, initial }, { kind: 'scenario', offers }, { placeBits, tries }),
    (system) => explore(system, {}),
  );
  expect(complete).toBe(true);
  expect([...smashed]).toEqual(['held']);
});
