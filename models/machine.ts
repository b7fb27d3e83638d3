// tidy: long because the fields are one list
// The one record of all state: named fields of small integers, declared here and nowhere else.
// pfn-valued fields hold pfn + 1, 0 for none; thread-valued fields hold thread + 1.

import { LOCKS, type LockName, type Memslot, type Policy, isNotified } from '../api/index.ts';
import { BASES, CASTS, type Config, FAILABLE, PLATFORMS, assumptions, boundsOf, hasCast } from './bounds.ts';
import { platformOf } from './platforms/index.ts';

export { SEPT } from './platforms/index.ts';

/** Who owns a page. */
export const OWNER = { free: 0, gmem: 1, host: 2, vmm: 3 } as const;
/** What a page holds: enough to see a leak, a lost write, a wiped page, a first use without zeroing. */
export const CONTENT = { zero: 0, stale: 1, guest: 2, device: 3, host: 4, scrambled: 5 } as const;
/** `deleted`: out of the active memslots, not freed yet. */
export const SLOT = { none: 0, valid: 1, invalid: 2, deleted: 3 } as const;
export const AREA = { none: 0, filling: 1, mapped: 2, leaving: 3 } as const;
/** An iopt_pages of a dma-buf: none, with phys.len == 0, with the memory. */
export const DMABUF = { none: 0, empty: 1, filled: 2 } as const;
/** Open by fd; fd closed but held by an iommufd area; released. */
export const FILE = { released: 0, held: 1, open: 2 } as const;

export const OWNER_NAMES = ['free', 'gmem', 'host (reused)', 'VMM memory'] as const;
export const CONTENT_NAMES = [
  'zeroes',
  'stale host data',
  'guest data',
  'device data',
  'host data',
  'scrambled (another key)',
] as const;
export const AREA_NAMES = ['none', 'being filled', 'mapped', 'being unmapped'] as const;

/** More values than the largest bounds allow bumps, so that a wrap is never seen. */
const SEQ_BITS = 4;
export const SEQ_VALUES = 2 ** SEQ_BITS;
const COUNT_BITS = 3;
/** Most references of one kind. */
export const COUNT_MAX = 2 ** COUNT_BITS - 1;

export type FieldKind =
  | 'pfn'
  | 'thread'
  | 'flag'
  | 'number'
  | 'owner'
  | 'content'
  | 'area'
  | 'sept'
  | 'slot'
  | 'file'
  | 'mask'
  | 'index';

export interface MachineField {
  readonly name: string;
  readonly bits: number;
  readonly count: number;
  readonly kind: FieldKind;
  /** What one slot stands for, as reports name it: `index`, `pfn`, `gfn`, `iova`, `vCPU`, `DEV`. */
  readonly per: string;
}

export interface Threads {
  readonly name: string;
  readonly kind: 'vmm' | 'vcpu' | 'device' | 'mf' | 'host' | 'driver' | 'exporter';
}

export interface Machine {
  readonly config: Config;
  readonly fields: readonly MachineField[];
  /** First slot of each field. */
  readonly at: { readonly [name: string]: number };
  readonly threads: readonly Threads[];
  readonly pages: number;
  readonly huge: number;
  readonly pfns: number;
  /** The first so many of them are those that guest_memfd allocates from. */
  readonly pool: number;
  /** pfn of the VMM's own page behind gfn 0; -1 where shared memory is in place. */
  readonly anonymous: number;
  /** pfn of the device memory behind the dma-buf (cast dmabuf); -1 without it. */
  readonly device_memory: number;
  readonly memslots: readonly Memslot[];
  /** Slot, and index, by gfn; gfn by index. */
  readonly slotOf: readonly number[];
  readonly indexOf: readonly number[];
  readonly gfnOf: readonly number[];
  readonly vcpus: number;
  readonly devices: number;
  readonly lockAt: { readonly [K in LockName]: { readonly writer: number; readonly readers: number } };
  /** Those that there are. */
  readonly locks: readonly LockName[];
  /** The mutex of a guest_memfd's iopt_pages has a lockdep class of its own. */
  readonly ownMutexClass: boolean;
  readonly registerAt: {
    readonly [name: string]: { readonly at: number; readonly max: number; readonly slots: number };
  };
}

export const inPlace = (config: Config): boolean => config.base !== 'linux-7.2';

/** The guest has an initial image that is yet to be measured. */
export const hasLaunch = (config: Config): boolean => hasCast(config, 'launch');

/** Guests with VMSAs in pages of their own. */
export const hasVmsa = (config: Config): boolean => hasCast(config, 'vmsa');

/** Domains are attached and detached while areas come and go. */
export const hasDomains = (config: Config): boolean => hasCast(config, 'domains');

/** A driver has an in-kernel access to the IOAS. */
export const hasAccess = (config: Config): boolean => hasCast(config, 'access');

/** Device memory is mapped as a dma-buf, and its exporter takes it back. */
export const hasDmabuf = (config: Config): boolean => hasCast(config, 'dmabuf');

/** Those of iommufd that are held over steps only where it has something to exclude. */
const CAST_LOCKS: readonly LockName[] = [
  'domains_rwsem',
  'iova_rwsem',
  'dma_resv',
  'user_pages_mutex',
  'dmabuf_pages_mutex',
];
const ACCESS_LOCKS: readonly LockName[] = ['ioas_lock', 'staccess_lock'];
const DMABUF_LOCKS: readonly LockName[] = ['memory_lock', 'dma_resv', 'dmabuf_pages_mutex'];
const isThere = (config: Config, name: LockName): boolean => {
  if (DMABUF_LOCKS.includes(name) && hasDmabuf(config)) return true;
  if (name === 'memory_lock') return false;
  if (ACCESS_LOCKS.includes(name)) return hasAccess(config);
  if (hasDomains(config) || (name === 'iova_rwsem' && hasAccess(config))) return true;
  return name === 'mmap_lock' ? inPlace(config) : !CAST_LOCKS.includes(name);
};
const locksOf = (config: Config): LockName[] => LOCKS.filter((name) => isThere(config, name));

/* MODEL: with cast slots there are two slots, the first with an offset, and no IOMMU; not on rfc-v2. */
/** Where index(gfn) = gfn - base_gfn + pgoff is not the gfn itself. */
export const hasSlots = (config: Config): boolean => hasCast(config, 'slots');

/** The slots of the VM: one over the whole file, or two that hold its halves the other way round. */
export function memslotsOf(config: Config): readonly Memslot[] {
  const { pages } = config.bounds;
  if (!hasSlots(config)) return [{ base_gfn: 0, npages: pages, pgoff: 0 }];
  const npages = pages >> 1;
  return [
    { base_gfn: 0, npages, pgoff: pages - npages },
    { base_gfn: npages, npages: pages - npages, pgoff: 0 },
  ];
}

const bitsFor = (max: number): number => Math.max(1, 32 - Math.clz32(max));

function threadsOf(config: Config): Threads[] {
  const { vmmThreads, vcpus, devices } = config.bounds;
  const many = (n: number, name: string, kind: Threads['kind']): Threads[] =>
    Array.from({ length: n }, (_, k) => ({ name: `${name} ${k}`, kind }));
  return [
    ...many(vmmThreads, 'VMM', 'vmm'),
    ...many(vcpus, 'vCPU', 'vcpu'),
    ...many(devices, 'DEV', 'device'),
    { name: 'MF', kind: 'mf' },
    ...(hasCast(config, 'host') ? [{ name: 'HOST', kind: 'host' } as const] : []),
    ...(hasAccess(config) ? [{ name: 'DRV', kind: 'driver' } as const] : []),
    ...(hasDmabuf(config) ? [{ name: 'EXP', kind: 'exporter' } as const] : []),
  ];
}

function mappingOf(config: Config): Pick<Machine, 'memslots' | 'slotOf' | 'indexOf' | 'gfnOf'> {
  const memslots = memslotsOf(config);
  const { pages } = config.bounds;
  const slotOf = Array.from({ length: pages }, (_, gfn) =>
    memslots.findIndex(({ base_gfn, npages }) => gfn >= base_gfn && gfn < base_gfn + npages),
  );
  const indexOf = slotOf.map((slot, gfn) => gfn - memslots[slot].base_gfn + memslots[slot].pgoff);
  return { memslots, slotOf, indexOf, gfnOf: indexOf.map((_, index) => indexOf.indexOf(index)) };
}

/** The pool of guest_memfd, the VMM's own pages, the device memory. */
const pfnsOf = (config: Config): number =>
  (inPlace(config) ? 2 : 3) * config.bounds.pages + (hasDmabuf(config) ? 1 : 0);

/** The fields of a machine for these bounds and this platform. */
function fieldsOf(config: Config): MachineField[] {
  const platform = platformOf(config);
  const { arch } = platform;
  const { pages, vcpus, devices } = config.bounds;
  const threads = threadsOf(config);
  const pool = 2 * pages;
  const pfns = pfnsOf(config);
  const PFN = bitsFor(pfns);
  const THREAD = bitsFor(threads.length);
  const PAGE = bitsFor(pages);
  const fields: MachineField[] = [];
  const add = (name: string, kind: FieldKind, bits: number, count = 1, per = ''): void => {
    if (count > 0) fields.push({ name, kind, bits, count, per });
  };

  /* guest_memfd: the inode and its page cache */
  add('page_cache', 'pfn', PFN, pages, 'index');
  add('private', 'flag', 1, pages, 'index');
  /* references by calls in flight; areas and the fd are not counted here */
  add('file', 'file', 2);
  add('file_refs', 'number', COUNT_BITS);
  add('huge_inode', 'flag', 1);
  add('gmem_in_progress', 'number', 2);
  add('gmem_seq', 'number', SEQ_BITS);
  add('gmem_range', 'mask', pages, 1, 'index');
  /* of the open brackets: pages whose IOPTEs the bracket's owner has cleared */
  add('gmem_zapped', 'mask', pages, 1, 'index');
  /* pages */
  add('owner', 'owner', 2, pfns, 'pfn');
  add('content', 'content', 3, pfns, 'pfn');
  add('huge_folio', 'flag', 1, pool, 'pfn');
  add('uptodate', 'flag', 1, pool, 'pfn');
  add('hwpoison', 'flag', 1, pool, 'pfn');
  add('folio_lock', 'thread', THREAD, pool, 'pfn');
  add('lookup_refs', 'number', COUNT_BITS, pool, 'pfn');
  add('pins', 'number', COUNT_BITS, pool, 'pfn');
  if (hasCast(config, 'host')) {
    /* references of lockless lookups, which may be dropped again; the page that the host's user thread pins */
    add('try_refs', 'number', COUNT_BITS, pool, 'pfn');
    add('host_pin', 'pfn', PFN);
  }
  if (config.base === 'v8') {
    /* in a per-CPU batch, with a reference, since the folio entered the page cache */
    add('lru_add', 'flag', 1, pool, 'pfn');
    /* no entry in the maple tree */
    add('attribute_missing', 'flag', 1, pages, 'index');
    /* of the conversion that holds invalidate_lock: what it is to change, has changed, has taken from the guest */
    add('converting', 'mask', pages, 1, 'index');
    add('converted', 'mask', pages, 1, 'index');
    add('content_lost', 'mask', pages, 1, 'index');
  }
  /* KVM: one VM, one slot */
  const { length: slots } = memslotsOf(config);
  add('slot', 'slot', 2, slots);
  /* the bindings of the file point to it; and its own, weak pointer to the file */
  add('slot_bound', 'flag', 1, slots);
  add('slot_gmem_file', 'flag', 1, slots);
  add('mn_active_invalidate_count', 'number', 2, inPlace(config) ? 1 : 0);
  add('mmu_invalidate_in_progress', 'number', 2);
  add('mmu_invalidate_seq', 'number', SEQ_BITS);
  add('mmu_invalidate_range', 'mask', pages, 1, 'gfn');
  add('spte_shared', 'pfn', PFN, pages, 'gfn');
  add('spte_private', 'pfn', PFN, pages, 'gfn');
  add('tlb', 'pfn', PFN, vcpus * pages, 'vCPU.gfn');
  add('tlb_private', 'flag', 1, vcpus * pages, 'vCPU.gfn');
  add('srcu', 'flag', 1, vcpus, 'vCPU');
  add('host_pte', 'pfn', PFN, inPlace(config) ? pages : 0, 'index');
  if (hasLaunch(config)) add('launched', 'flag', 1);
  if (hasVmsa(config)) {
    add('vmsa_pa', 'pfn', PFN, vcpus, 'vCPU');
    add('vmsa_gpa', 'number', PAGE, vcpus, 'vCPU');
    add('vmsa_reload', 'flag', 1, vcpus, 'vCPU');
  }
  /* iommufd: one IOAS, one domain */
  add('area', 'area', 2, pages, 'iova');
  add('area_start', 'index', PAGE, pages, 'iova');
  add('npinned', 'number', COUNT_BITS);
  if (hasDomains(config)) add('domain_attached', 'flag', 1);
  if (hasAccess(config)) {
    /* of an area, at its first iova; what the driver has pinned, which is the xarray of the iopt_pages as well */
    add('prevent_access', 'flag', 1, pages, 'iova');
    add('num_accesses', 'number', COUNT_BITS, pages, 'iova');
    add('access_pfn', 'pfn', PFN, pages, 'iova');
  }
  if (hasDmabuf(config)) {
    /* of the exporter: priv->revoked; and whether the memory is out of its hands */
    add('dmabuf_revoked', 'flag', 1);
    add('dmabuf_taken', 'flag', 1);
    /* iopt_pages on the list of attachments: those that a thread has outside of an area, and those of areas */
    add('dmabuf_attached', 'number', 2, threads.length, 'thread');
    add('dmabuf_pages', 'number', 2, pages, 'iova');
    add('dmabuf_tracked', 'flag', 1, pages, 'iova');
  }
  add('iopte', 'pfn', PFN, pages, 'iova');
  add('iopte_huge', 'flag', 1, pages, 'iova');
  /* the kind of the index when the entry was installed */
  add('iopte_private', 'flag', 1, arch.maps_private ? pages : 0, 'iova');
  add('gather', 'thread', THREAD, pages, 'iova');
  add('inv_queue', 'mask', pages, threads.length, 'thread');
  add('iotlb', 'pfn', PFN, pages, 'iova');
  add('iotlb_huge', 'flag', 1, pages, 'iova');
  add('iotlb_private', 'flag', 1, arch.maps_private ? pages : 0, 'iova');
  if (config.ats === true) {
    add('device_tlb', 'pfn', PFN, devices * pages, 'DEV.iova');
    add('device_tlb_huge', 'flag', 1, devices * pages, 'DEV.iova');
    add('device_tlb_private', 'flag', 1, arch.maps_private ? devices * pages : 0, 'DEV.iova');
    add('device_inv_queue', 'mask', pages, threads.length, 'thread');
    add('inv_order', 'number', 2, threads.length, 'thread');
    add('dma_translated', 'flag', 1, devices, 'DEV');
  }
  /* in-flight DMA */
  add('dma', 'pfn', PFN, devices, 'DEV');
  add('dma_iova', 'index', PAGE, devices, 'DEV');
  add('dma_write', 'flag', 1, devices, 'DEV');
  add('dma_private', 'flag', 1, devices, 'DEV');
  add('dma_trusted', 'flag', 1, devices, 'DEV');
  add('dma_huge', 'flag', 1, devices, 'DEV');
  add('dma_checked', 'flag', 1, devices, 'DEV');
  add('dma_clean', 'flag', 1, devices, 'DEV');
  /* page-state hardware */
  for (const field of platform.fields({ pages, pfns, PFN, PAGE })) add(...field);
  /* the guest asks for a change of these pages, or thinks it is done */
  add('guest_changing', 'flag', 1, pages, 'gfn');
  add('host_dead', 'flag', 1);
  add('fail_next', 'flag', 1, config.fail === null ? 0 : 1);
  add('fail_used', 'flag', 1, config.fail === null ? 0 : 1);
  /* as the conversion that is going on has found the attributes and the huge folios; a leaf that it removed */
  if (config.fail !== null) {
    add('convert_by', 'thread', THREAD);
    add('convert_private', 'mask', pages, 1, 'index');
    add('convert_huge', 'mask', pages, 1, 'index');
    add('convert_lost', 'flag', 1);
    /* KVM_BUG_ON(): no vCPU runs any more */
    add('vm_bugged', 'flag', 1);
  }
  for (const name of locksOf(config)) {
    add(name, 'thread', THREAD);
    add(`${name}.readers`, 'mask', threads.length);
  }
  return fields;
}

const registersOf = (policy: Policy, pages: number): MachineField[] =>
  Object.entries(policy.registers ?? {})
    .map(([name, { max, slots }]) => ({
      name: `register.${name}`,
      kind: 'number' as const,
      bits: bitsFor(max),
      count: slots === 'index' ? pages : slots,
      per: 'slot',
    }))
    .filter(({ count }) => count > 0);

/**
 * The names of all fields that any machine has. Each machine's record has all of them, undefined where it has no such
 * field: code that reads records of one shape is compiled once, and not anew for each configuration.
 */
const fieldNames = (() => {
  let known: string | null = null;
  const all = (): MachineField[] =>
    BASES.flatMap((base) =>
      PLATFORMS.flatMap((platform) =>
        CASTS.flatMap((cast) =>
          fieldsOf({
            base,
            platform,
            vmm: 'adversarial',
            bounds: boundsOf('small'),
            device: null,
            assumptions: assumptions(),
            fail: FAILABLE[0],
            ats: true,
            cast: [cast],
          }),
        ),
      ),
    );
  return (): string =>
    (known ??= JSON.stringify(Object.fromEntries([...all(), SEQ_MOVES].map(({ name }) => [name, 0]))));
})();

/* seq++ of the inode that no in_progress-- has followed yet: for the judge alone */
const SEQ_MOVES: MachineField = { name: 'gmem_seq_moves', kind: 'number', bits: 2, count: 1, per: '' };
export const SEQ_MOVES_MAX = 3;

/** The fields of a machine for these bounds, this platform and this policy. */
export function declareMachine(config: Config, policy: Policy): Machine {
  const { pages, hugePages, vcpus, devices } = config.bounds;
  const threads = threadsOf(config);
  const pool = 2 * pages;
  const fields = [
    ...fieldsOf(config),
    ...(isNotified(policy) ? [SEQ_MOVES] : []),
    ...registersOf(policy, pages),
  ];
  const locks = locksOf(config);
  const firstSlot: { [name: string]: number } = {};
  let next = 0;
  for (const field of fields) {
    firstSlot[field.name] = next;
    next += field.count;
  }
  /* V8 makes a hash table of an object that grew name by name, and a record of one that was parsed: faster to read */
  const at = JSON.parse(fieldNames()) as { [name: string]: number | undefined };
  for (const name of Object.keys(at)) at[name] = firstSlot[name];
  return {
    config,
    fields,
    at: at as Machine['at'],
    threads,
    pages,
    huge: hugePages,
    pfns: pfnsOf(config),
    pool,
    anonymous: inPlace(config) ? -1 : pool,
    device_memory: hasDmabuf(config) ? pfnsOf(config) - 1 : -1,
    ...mappingOf(config),
    vcpus,
    devices,
    lockAt: Object.fromEntries(
      locks.map((name) => [name, { writer: firstSlot[name], readers: firstSlot[`${name}.readers`] }]),
    ) as Machine['lockAt'],
    locks,
    ownMutexClass: policy.own_mutex_class === true,
    registerAt: Object.fromEntries(
      Object.entries(policy.registers ?? {}).map(([name, { max, slots }]) => [
        name,
        { at: firstSlot[`register.${name}`], max, slots: slots === 'index' ? pages : slots },
      ]),
    ),
  };
}
