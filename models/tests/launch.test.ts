// The launch of a guest (cast `launch`): what populate comes to when the guest runs already.

import { describe, expect, test } from 'vitest';
import { explore } from '../../engine/explore.ts';
import { type CallOffer, withPlaceBits } from '../../engine/system.ts';
import { type Base, type Config, type PlatformName, assumptions, boundsOf } from '../bounds.ts';
import { none } from '../../policies/none.ts';
import { makeModel } from '../../properties/system.ts';
import { parseScenario } from '../../properties/litmus/parse.ts';
import { tryScenario } from '../../properties/litmus/try.ts';

const configOf = (base: Base, platform: PlatformName, cast: Config['cast'] = ['launch']): Config => ({
  base,
  platform,
  vmm: 'adversarial',
  bounds: boundsOf('small'),
  device: null,
  assumptions: assumptions(),
  fail: null,
  cast,
});

/** What the calls return, in any interleaving. @initial: 0 all shared, 1 all private. */
const outcomesOf = (config: Config, text: string, initial = 0): string[] =>
  tryScenario(makeModel(config, none), text, { initial, flip: false }).outcomes.map(({ outcome }) => outcome);

/** What is broken in any interleaving, and whether the SPTE of a guest may end at a page that is shared in the RMP. */
function runOf(
  base: Base,
  text: string,
  platform: PlatformName = 'sev-snp',
): { readonly broken: readonly string[]; readonly lost: boolean } {
  const model = makeModel(configOf(base, platform), none);
  const { at } = model.machine;
  const groups = parseScenario(text, model.table, model.machine);
  const offers = model.machine.threads.map((_, thread) =>
    (groups.find((group) => group.thread === thread)?.calls ?? []).map(
      ({ name, fn, args }) => ({ name, fn, args }) as CallOffer,
    ),
  );
  let lost = false;
  const { hits } = withPlaceBits(
    (bits) => model.system({ kind: 'scenario', offers }, bits),
    (system) =>
      explore(system, {
        onFinal: (m) => {
          const pfn = m[at.spte_private] - 1;
          if (pfn >= 0 && m[at.rmp_assigned + pfn] === 0 && m[at.host_dead] === 0) lost = true;
        },
      }),
  );
  return { broken: model.keys.filter(({ property }) => hits[property] > 0).map(({ name }) => name), lost };
}

describe('populate after the launch is finished meets a fault', () => {
  const CALLS = 'A: launch_finish; populate 0 | V: fault_private 0';

  test('linux-7.2: the kernel writes to an assigned page, or the guest loses it', () => {
    expect(runOf('linux-7.2', CALLS)).toEqual({
      broken: ['populate-of-unassigned-private (assigned page)', 'no-host-fatal (CPU)'],
      lost: true,
    });
  });

  test('v8: kvm_gmem_get_pfn() waits for invalidate_lock', () => {
    expect(runOf('v8', CALLS)).toEqual({ broken: [], lost: false });
  });
});

describe('populate meets a hole, a conversion to shared', () => {
  const HOLE = 'A: populate 0 | B: punch_hole 0';
  const SHARED = 'A: populate 0 | B: convert_shared 0';

  test('rfc-v2 has dropped invalidate_lock: an assigned page is freed, a shared gfn populated', () => {
    expect(runOf('rfc-v2', HOLE).broken).toContain('no-mapping-to-freed-page (RMP entry)');
    expect(runOf('rfc-v2', SHARED).broken).toEqual(['populate-of-unassigned-private (shared gfn)']);
    expect(runOf('rfc-v2', HOLE, 'tdx').broken).toEqual(
      expect.arrayContaining(['no-mapping-to-freed-page (TD page)', 'populate-keeps-its-leaf (S-EPT)']),
    );
  });

  test.each(['linux-7.2', 'v8'] as const)('%s holds it', (base) => {
    for (const platform of ['sev-snp', 'tdx'] as const)
      for (const text of [HOLE, SHARED]) expect(runOf(base, text, platform).broken).toEqual([]);
  });
});

describe('populate stops at the second page', () => {
  const CALLS = 'A: convert_private 0; populate 0-1';

  test.each(['linux-7.2', 'rfc-v2', 'v8'] as const)('%s: an error on TDX alone', (base) => {
    expect(outcomesOf(configOf(base, 'tdx'), CALLS)).toEqual(['A: 0, -EINVAL']);
    expect(outcomesOf(configOf(base, 'sev-snp'), CALLS)).toEqual(['A: 0, 0']);
  });

  test('TDX takes the file for each page: it may be gone before the first, and before the second', () => {
    const model = makeModel(configOf('linux-7.2', 'tdx'), none);
    const { outcomes } = tryScenario(model, 'A: populate 0-1 | B: close', { initial: 1, flip: false });
    expect(outcomes.map(({ outcome, count }) => [outcome, count])).toEqual([
      ['A: -EFAULT; B: 0', 2],
      ['A: 0; B: 0', 1],
    ]);
  });
});

describe('populate looks at the slot of its own gfn', () => {
  const slots = ['slots', 'launch'] as const;

  test.each([
    /* SNP clips the range to the slot of its first page */
    ['A: populate 0-1; populate 1', 'A: 0, 0', 'A: 0, -EIO'],
    ['A: unbind 1; populate 0-1', 'A: 0, 0', 'A: 0, -EINVAL'],
    ['A: unbind 1; populate 1', 'A: 0, -EINVAL', 'A: 0, -EINVAL'],
    ['A: unbind 0; populate 1', 'A: 0, 0', 'A: 0, 0'],
  ])('%s', (text, onSnp, onTdx) => {
    expect(outcomesOf(configOf('linux-7.2', 'sev-snp', slots), text, 1)).toEqual([onSnp]);
    expect(outcomesOf(configOf('linux-7.2', 'tdx', slots), text, 1)).toEqual([onTdx]);
  });

  test('a hole under a slot that is gone meets no page of the TD', () => {
    const config = configOf('linux-7.2', 'tdx', slots);
    expect(outcomesOf(config, 'A: unbind 1; populate 1; punch_hole 0', 1)).toEqual(['A: 0, -EINVAL, 0']);
  });
});
