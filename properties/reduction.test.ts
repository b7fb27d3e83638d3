// The search that runs commuting steps on against the plain one, on the real models: the same keys, the same races.

import { describe, expect, test } from 'vitest';
import {
  type BaseCalls,
  type Policy,
  each_page,
  iommu_unmap_fast,
  kvm_mmu_invalidate_end,
  kvm_mmu_invalidate_start,
  kvm_mmu_unmap_gfn_range,
  store_attributes,
  unlock,
  write_register,
  close_file,
  fget,
  folio_put,
  fput,
  kvm_gmem_erase_bindings,
  lock,
  read_register,
  type Steps,
} from '../api/index.ts';
import { explore } from '../engine/explore.ts';
import { replay } from '../engine/replay.ts';
import { withPlaceBits } from '../engine/system.ts';
import { type Config, assumptions, boundsOf } from '../models/bounds.ts';
import { EVENT } from '../models/events.ts';
import { BROKEN } from '../policies/broken/index.ts';
import { POLICIES } from '../policies/index.ts';
import { SOMETIMES } from './spec/index.ts';
import type { Key } from './spec/keys.ts';
import { vmmRemap } from '../policies/vmm-remap.ts';
import { invalidateCallback } from '../policies/invalidate-callback.ts';
import { none } from '../policies/none.ts';
import { type Model, freeEnvironment, makeModel } from './system.ts';

interface Seen {
  readonly keys: readonly string[];
  readonly races: readonly string[];
  readonly states: number;
  /** Keys whose path does not lead there. */
  readonly astray: readonly string[];
}

function seen(model: Model, eager: boolean): Seen {
  return withPlaceBits(
    (bits) => model.system(freeEnvironment(model, model.config.bounds.calls), bits),
    (system) => {
      const { hits, states, pathTo } = explore(system, { eager });
      const found = model.keys.filter(({ property }) => hits[property] > 0);
      /* through exchanged threads, and steps run on */
      const leads = ({ property }: Key): boolean => {
        const path = property === EVENT.stuck ? null : pathTo(property);
        return path === null || replay(system, path).steps.some((step) => step.properties.includes(property));
      };
      return {
        keys: found.map(({ name }) => name),
        races: SOMETIMES.filter(({ event }) => hits[EVENT[event]] > 0).map(({ name }) => name),
        states,
        astray: eager ? found.filter((key) => !leads(key)).map(({ name }) => name) : [],
      };
    },
  );
}

const DELICATE = new RegExp(
  'flush|unpin-before|mutex|recheck|snapshot|callback-at-end|end-before-commit|zap-without|pin-after|' +
    'lru-not|device-tlb|lock-kept',
);

const ofDmabuf = (planted: Policy['planted']): boolean =>
  planted?.settings?.cast?.includes('dmabuf') === true;

const onePage = { ...boundsOf('quick'), name: 'custom', pages: 1, hugePages: 1 };

const configOf = (
  policy: Policy,
  platform: Config['platform'],
  vmm: Config['vmm'],
  bounds: Config['bounds'],
): Config => ({
  base: policy.base,
  platform,
  vmm,
  bounds,
  device: null,
  assumptions: assumptions(),
  fail: null,
});

/* What does not matter to the race, so that there is less to search. */
const idle = {
  *convert_private() {
    return 0;
  },
  *convert_shared() {
    return 0;
  },
  *memory_failure() {
    return 0;
  },
  *close() {
    return 0;
  },
} satisfies Partial<BaseCalls>;
/* An IOTLB fill must not be missed where a call begins with the step that forbids it. */
const unmapsFirst: Policy = {
  ...invalidateCallback,
  name: 'unmaps-first',
  replaces: (base) => ({
    ...base,
    ...idle,
    *unmap(range) {
      yield* iommu_unmap_fast(range);
      return 0;
    },
    *punch_hole(range) {
      for (const index of each_page(range))
        yield* store_attributes({ start: index, end: index + 1 }, 'private');
      return 0;
    },
  }),
};
/* With no slot bound kvm_mmu_invalidate_start() takes nothing: what follows it is not part of it. */
const opensFirst: Policy = {
  ...invalidateCallback,
  name: 'opens-first',
  replaces: (base) => ({
    ...base,
    ...idle,
    *punch_hole(range) {
      const bound = yield* kvm_mmu_invalidate_start(range);
      if (bound) yield* unlock('mmu_lock');
      yield* kvm_mmu_unmap_gfn_range(range, 'both');
      if (bound) yield* kvm_mmu_invalidate_end(range);
      return 0;
    },
  }),
};
const threeCalls = { ...onePage, calls: 3 };

/* A first call arms the others, so that none of them is known to do anything before. */
const armed = (name: string, replaces: NonNullable<Policy['replaces']>): Policy => ({
  ...none,
  name,
  base: 'linux-7.2',
  registers: { armed: { max: 1, slots: 1 } },
  replaces: (base, consumer) => ({
    ...base,
    *convert_private() {
      yield* write_register('armed', 0, 1);
      return 0;
    },
    *convert_shared() {
      return 0;
    },
    *punch_hole() {
      return 0;
    },
    *unbind() {
      return 0;
    },
    ...replaces(base, consumer),
  }),
});
function* isArmed(): Steps<boolean> {
  return (yield* read_register('armed', 0)) === 1;
}
/* The end of a bracket counts only for slots that are bound: it does not commute with the end of a binding. */
const endAgainstUnbind = armed('end-against-unbind', () => ({
  *convert_shared(range) {
    if (yield* isArmed()) yield* kvm_gmem_erase_bindings(range.start);
    return 0;
  },
  *close() {
    return 0;
  },
  *memory_failure(range) {
    if (!(yield* isArmed())) return 0;
    if (!(yield* kvm_mmu_invalidate_start(range))) return 0;
    yield* unlock('mmu_lock');
    yield* kvm_mmu_invalidate_end(range);
    return 0;
  },
}));
/* It waits for mmu_lock, and so may never follow at once where somebody else may take it. */
const endAgainstMmuLock = armed('end-against-mmu-lock', () => ({
  *convert_shared() {
    if (!(yield* isArmed())) return 0;
    yield* lock('mmu_lock');
    yield* lock('pages_mutex');
    yield* unlock('pages_mutex');
    yield* unlock('mmu_lock');
    return 0;
  },
  *memory_failure(range) {
    if (!(yield* isArmed())) return 0;
    if (!(yield* kvm_mmu_invalidate_start(range))) return 0;
    yield* lock('pages_mutex');
    yield* unlock('mmu_lock');
    yield* kvm_mmu_invalidate_end(range);
    yield* unlock('pages_mutex');
    return 0;
  },
}));
/* The fd may be taken away by a call that is under way. */
const closesLate = armed('closes-late', () => ({
  *convert_shared() {
    if (!(yield* isArmed())) return 0;
    if (!(yield* fget())) return '-EBADF';
    if (yield* fput()) yield* folio_put(0);
    return 0;
  },
  *memory_failure() {
    return 0;
  },
  *close() {
    if (!(yield* isArmed())) return 0;
    if (!(yield* close_file())) return '-EBADF';
    yield* fput();
    return 0;
  },
}));

/** One page: every interleaving of two calls on it. */
const cases = [
  ...POLICIES.flatMap((policy) =>
    (['sev-snp', 'tdx'] as const).map((platform) => ({
      policy,
      config: configOf(policy, platform, 'adversarial', onePage),
    })),
  ),
  /* LRU batches, which are drained by themselves */
  ...[vmmRemap, invalidateCallback].map((policy) => ({
    policy: { ...policy, base: 'v8' as const },
    config: configOf({ ...policy, base: 'v8' }, 'bare', 'adversarial', onePage),
  })),
  /* those that need a fill, a lock or a race at a certain point */
  ...BROKEN.filter(({ name, planted }) => DELICATE.test(name) && !ofDmabuf(planted)).map((policy) => ({
    policy,
    config: configOf(policy, policy.planted?.platform as Config['platform'], 'adversarial', onePage),
  })),
  { policy: unmapsFirst, config: configOf(unmapsFirst, 'bare', 'adversarial', onePage) },
  ...[opensFirst, endAgainstUnbind, endAgainstMmuLock, closesLate].map((policy) => ({
    policy,
    config: configOf(policy, 'bare', 'adversarial', threeCalls),
  })),
  ...[vmmRemap, invalidateCallback].map((policy) => ({
    policy,
    config: configOf(policy, 'sev-snp', 'cooperative', boundsOf('quick')),
  })),
  /* from three calls on what the calls may still touch counts as well; a huge inode of one huge page */
  {
    policy: none,
    config: configOf(none, 'sev-snp', 'cooperative', { ...boundsOf('quick'), name: 'custom', calls: 3 }),
  },
  {
    policy: { ...invalidateCallback, base: 'linux-7.2' as const },
    config: configOf({ ...invalidateCallback, base: 'linux-7.2' }, 'tdx', 'adversarial', threeCalls),
  },
  ...[vmmRemap, ...BROKEN.filter(({ planted }) => ofDmabuf(planted))].map((policy) => ({
    policy,
    config: { ...configOf(policy, 'bare', 'adversarial', onePage), cast: ['dmabuf'] as const },
  })),
  ...[vmmRemap, ...BROKEN.filter(({ planted }) => planted?.settings?.cast?.includes('domains'))].map(
    (policy) => ({
      policy,
      config: {
        ...configOf(policy, 'bare', 'adversarial', onePage),
        cast: ['domains'] as const,
      },
    }),
  ),
];

describe('the reduced search sees what the plain one sees, in fewer states', () => {
  test.each(
    cases.map(
      ({ policy, config }) =>
        [`${policy.name}, ${config.base}, ${config.platform}, ${config.vmm}`, policy, config] as const,
    ),
  )('%s', (_name, policy, config) => {
    const model = makeModel(config, policy);
    const plain = seen(model, false);
    const reduced = seen(model, true);
    expect({ keys: reduced.keys, races: reduced.races }).toEqual({ keys: plain.keys, races: plain.races });
    expect(reduced.astray).toEqual([]);
    expect(reduced.states).toBeLessThan(plain.states);
  });
});
