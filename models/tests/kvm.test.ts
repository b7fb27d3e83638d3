// What KVM's own calls do to one another: findings that need more calls than the bounds of a search, and the order
// of locks.

import { describe, expect, test } from 'vitest';
import {
  type BaseCalls,
  type Steps,
  kvm_tdp_mmu_map,
  lock,
  mmu_invalidate_seq,
  unlock,
} from '../../api/index.ts';
import { explore } from '../../engine/explore.ts';
import { type CallOffer, withPlaceBits } from '../../engine/system.ts';
import { type Base, type Config, assumptions, boundsOf } from '../bounds.ts';
import { BROKEN } from '../../policies/broken/index.ts';
import { POLICIES } from '../../policies/index.ts';
import { none } from '../../policies/none.ts';
import { type Model, makeModel } from '../../properties/system.ts';

const configOf = (base: Base): Config => ({
  base,
  platform: 'bare',
  vmm: 'adversarial',
  bounds: boundsOf('quick'),
  device: null,
  assumptions: assumptions(),
  fail: null,
});

/** Keys hit when each thread runs its list of calls, in all interleavings. */
function hitBy(
  model: Model,
  lists: { readonly [thread: string]: readonly string[] },
  onFinal?: (m: Int32Array) => void,
): string[] {
  const offers = model.machine.threads.map(({ name }) =>
    (lists[name] ?? []).map((word) => {
      const call = model.table.calls.find((known) => known.word === word);
      if (call === undefined) throw new RangeError(`no call ${word}`);
      return { name: call.name, fn: call.fn, args: call.args } as CallOffer;
    }),
  );
  const { hits } = withPlaceBits(
    (bits) => model.system({ kind: 'scenario', offers }, bits),
    (system) => explore(system, onFinal === undefined ? {} : { onFinal }),
  );
  return model.keys.filter(({ property }) => hits[property] > 0).map(({ name }) => name);
}

describe('a memslot is deleted while its gmem file is dying', () => {
  test('memory failure is left with a bracket that nobody closes', () => {
    const calls = { 'VMM 0': ['allocate', 'close'], 'VMM 1': ['unbind'], MF: ['memory_failure'] };
    expect(hitBy(makeModel(configOf('linux-7.2'), none), calls)).toContain('bracket-balanced (left open)');
  });

  test('and not where the file stays open', () => {
    const calls = { 'VMM 0': ['allocate'], 'VMM 1': ['unbind'], MF: ['memory_failure'] };
    expect(hitBy(makeModel(configOf('linux-7.2'), none), calls)).toEqual([]);
  });
});

describe('an errno of another base', () => {
  function* refuses(): Steps<'-EAGAIN'> {
    yield* lock('slots_lock');
    yield* unlock('slots_lock');
    return '-EAGAIN';
  }
  const all: Partial<BaseCalls> = {
    convert_private: refuses,
    convert_shared: refuses,
    punch_hole: refuses,
  };
  const broken = (base: Base, word: keyof typeof all): string[] =>
    hitBy(makeModel(configOf(base), { ...none, replaces: () => all }), { 'VMM 0': [word] });
  const UNDOCUMENTED = 'errno-as-documented (errno)';

  test.each(['convert_private', 'convert_shared', 'punch_hole'] as const)('-EAGAIN of %s', (word) => {
    expect(broken('linux-7.2', word)).toEqual([UNDOCUMENTED]);
    expect(broken('rfc-v2', word)).not.toContain(UNDOCUMENTED);
    expect(broken('v8', word).includes(UNDOCUMENTED)).toBe(word === 'punch_hole');
  });
});

describe('a fault that finds a leaf', () => {
  interface Fault {
    readonly gfn: number;
    readonly pfn: number;
    readonly isPrivate: boolean;
  }
  const shared = (pfn: number): Fault => ({ gfn: 0, pfn, isPrivate: false });
  const secret = (pfn: number, gfn = 0): Fault => ({ gfn, pfn, isPrivate: true });

  /** What is left at gfn 0 of these faults, made by one call: pages by number + 1, and whether the VM is bugged. */
  function leftBy(config: Config, ...faults: readonly Fault[]): string[] {
    function* convert_shared(): Steps<0> {
      const seq = yield* mmu_invalidate_seq();
      for (const { gfn, pfn, isPrivate } of faults) yield* kvm_tdp_mmu_map(gfn, pfn, isPrivate, seq);
      return 0;
    }
    const model = makeModel(config, { ...none, replaces: () => ({ convert_shared }) });
    const { spte_shared, spte_private, sept_pfn, vm_bugged } = model.machine.at;
    const left = new Set<string>();
    hitBy(model, { 'VMM 0': ['convert_shared'] }, (m) => {
      const mirror = config.platform === 'tdx' ? m[sept_pfn] : 0;
      const bugged = config.fail !== null && m[vm_bugged] === 1 ? ', bugged' : '';
      left.add(`shared ${m[spte_shared]}, private ${m[spte_private]}, S-EPT ${mirror}${bugged}`);
    });
    return [...left];
  }
  const bare = configOf('linux-7.2');
  const tdx: Config = { ...bare, platform: 'tdx' };

  test('leaves it, whatever page it maps', () => {
    expect(leftBy(bare, shared(0), shared(1))).toEqual(['shared 1, private 0, S-EPT 0']);
    expect(leftBy(bare, shared(0), secret(1))).toEqual(['shared 0, private 1, S-EPT 0']);
    expect(leftBy(tdx, shared(0), shared(1), secret(1))).toEqual(['shared 1, private 0, S-EPT 2']);
    expect(leftBy(tdx, secret(0), secret(1))).toEqual(['shared 0, private 0, S-EPT 1']);
  });

  test('is KVM_BUG_ON() where the TD has the page at another gfn', () => {
    const fails: Config = { ...tdx, fail: 'tdh_mem_page_remove' };
    expect(leftBy(fails, secret(0, 1), secret(0))).toContain('shared 0, private 0, S-EPT 0, bugged');
  });
});

describe('the order of locks', () => {
  const cycleOf = (name: string): readonly string[] => {
    const policy = [...POLICIES, ...BROKEN].find((known) => known.name === name) ?? none;
    const model = makeModel(configOf(policy.base), policy);
    return model.questions.lockCycle();
  };

  test.each(POLICIES.map(({ name }) => name))('has no cycle under %s', (name) => {
    expect(cycleOf(name)).toEqual([]);
  });

  test('both chains of a cycle are named', () => {
    expect(cycleOf('bind-locks-inverted')).toEqual([
      'slots_lock -> invalidate_lock in close_gmem() > gmem_fput() > kvm_gmem_release()',
      'invalidate_lock -> slots_lock in kvm_gmem_bind()',
    ]);
  });
});
