// tidy: long because the calls are one table
// Who may start which call: the calls of one policy on one base and platform, for both kinds of VMM.

import {
  kvm_tdp_mmu_map,
  type Arch,
  type BaseCalls,
  type Policy,
  type DmabufParts,
  type Range,
  type Steps,
  iommufd_access_notify_unmap,
  iommufd_access_of,
  iommufd_dmabuf,
  iopt_unmap_of,
  showRange,
} from '../api/index.ts';
import { type Config, type Guest, guestOf, hasCast } from './bounds.ts';
import { makeDma } from './devices.ts';
import { makeSetMemoryAttributes } from './guest-memfd/linux-7.2/set-memory-attributes.ts';
import { makeConvertRange } from './guest-memfd/rfc-v2/convert-range.ts';
import { makeMayFail } from './guest-memfd/failure.ts';
import { kvm_gmem_fault_user_mapping } from './guest-memfd/v8/fault-user-mapping.ts';
import { makeSetAttributes } from './guest-memfd/v8/set-attributes.ts';
import { consumerOf } from './guest-memfd/invalidate.ts';
import { makeBind, makeRelease, makeUnbind } from './guest-memfd/bind.ts';
import { makeAllocate, makeMemoryFailure, makePunchHole } from './guest-memfd/truncate.ts';
import { makeAttach, makeMapDmabuf, makeMapFile, makeUnmap } from './iommufd/ioas.ts';
import * as locking from './iommufd/lock-order.ts';
import { makeLaunchCalls, populatePage } from './guest-memfd/populate.ts';
import { makeFault } from './kvm/fault.ts';
import * as user from './kvm/host-user.ts';
import { makeVmsa } from './kvm/vmsa.ts';
import { kvm_gmem_fault_shared, makeHostWrite } from './kvm/host-mapping.ts';
import {
  hasAccess,
  hasDmabuf,
  hasDomains,
  hasLaunch,
  hasSlots,
  hasVmsa,
  inPlace,
  memslotsOf,
} from './machine.ts';
import { archOf, streamsOf } from './platforms/arch.ts';
import { makeExporter } from './vfio-dmabuf.ts';
import { makeCooperative } from './vmm.ts';

type CallArgument = number | Range;

/** One call with its argument, as a thread of this kind may start it. */
export interface Call {
  /** The word of `try` scenarios: `map`, `convert_private`, `fault_private`, `write`. */
  readonly word: string;
  /** As a mail says it: `IOMMU_IOAS_MAP_FILE index [0,1) at iova 0`. */
  readonly name: string;
  readonly thread: 'vmm' | 'vcpu' | 'device' | 'mf' | 'host' | 'driver' | 'exporter';
  readonly vmm: 'adversarial' | 'cooperative' | 'both';
  readonly fn: (...args: never[]) => Steps<unknown>;
  readonly args: readonly CallArgument[];
  readonly range: Range;
  /** errnos that the call may return. */
  readonly errnos: readonly string[];
}

interface CallKind {
  readonly word: string;
  readonly thread: Call['thread'];
  readonly vmm: Call['vmm'];
  /** Only with a guest like that. */
  readonly guest?: Guest;
  readonly takes: 'range' | 'page' | 'index' | 'slot' | 'all' | 'nothing';
  readonly name: (range: Range) => string;
  readonly fn: (...args: never[]) => Steps<unknown>;
  readonly errnos?: readonly string[];
}

/** Every non-empty range of pages, single pages first. */
export function rangesOf(pages: number): Range[] {
  const ranges: Range[] = [];
  for (let length = 1; length <= pages; length++)
    for (let start = 0; start + length <= pages; start++) ranges.push({ start, end: start + length });
  return ranges;
}

/* An index is handed over as a range of one page where the function takes a range. */
function expand(kind: CallKind, pages: number, slots: readonly Range[]): Call[] {
  const ranges =
    kind.takes === 'slot'
      ? slots
      : kind.takes === 'nothing' || kind.takes === 'all'
        ? [{ start: 0, end: pages }]
        : kind.takes === 'range'
          ? rangesOf(pages)
          : rangesOf(pages).slice(0, pages);
  return ranges.map((range) => ({
    word: kind.word,
    thread: kind.thread,
    vmm: kind.vmm,
    fn: kind.fn,
    name: kind.name(range),
    args: kind.takes === 'nothing' ? [] : kind.takes === 'index' ? [range.start] : [range],
    range,
    errnos: kind.errnos ?? [],
  }));
}

export interface CallTable {
  readonly arch: Arch;
  readonly calls: readonly Call[];
  /** Calls that nobody starts, and that are there for the order of their locks. */
  readonly lockers: readonly Call[];
  /** Words that `try` understands. */
  readonly words: readonly string[];
}

const slotText = (config: Config, range: Range): string =>
  hasSlots(config) ? ` of gfn ${showRange(range)}` : '';

/* A memory failure and an index come as one page; kvm_gmem_error_folio() takes the range of the folio. */
const onePage = (fn: (range: Range) => Steps<unknown>) =>
  function* memory_failure(index: number): Steps<unknown> {
    return yield* fn({ start: index, end: index + 1 });
  };

/** Which roots truncation, memory failure and release zap. */
const FILTER = { 'linux-7.2': 'private', 'rfc-v2': 'both', v8: 'attributes' } as const;

/** KVM_SET_MEMORY_ATTRIBUTES is an ioctl of the VM, and looks at no folio; the others are of the gmem fd. */
const CONVERT_ERRNOS = {
  'linux-7.2': ['-ENOMEM'],
  'rfc-v2': ['-EBADF', '-EAGAIN', '-ENOMEM'],
  v8: ['-EBADF', '-EAGAIN', '-ENOMEM'],
} as const;

/** All calls of a configuration, in a fixed order. */
export function callTable(config: Config, policy: Policy): CallTable {
  const arch = archOf(config);
  const { pages } = config.bounds;
  const consumer = consumerOf(policy, arch);
  const notifies = config.assumptions['vmm.slot-hva-maps-gmem'];
  const mayFail = makeMayFail(config.fail);
  const truncate = { arch, consumer, filter: FILTER[config.base], mayFail };
  const { __fput, gmem_fput, close_gmem, onFd } = makeRelease(truncate, pages);
  function* iopt_put_pages(): Steps<void> {
    yield* gmem_fput(false);
  }
  const convert = (to: 'private' | 'shared'): BaseCalls['convert_private'] => {
    const assumed = config.assumptions;
    const common = { arch, consumer, notifies };
    if (config.base === 'linux-7.2')
      return makeSetMemoryAttributes(to, { arch, mayFail, judged: config.fail !== null });
    if (config.base === 'v8')
      return onFd(makeSetAttributes(to, { ...common, zapsOneKind: assumed['v8.conversion-zaps-one-kind'] }));
    const invalidates = assumed['rfc-v2.snp-as-in-v8'];
    const undoEnds = assumed['rfc-v2.undo-loop-ends'];
    return onFd(
      makeConvertRange(to, { ...common, invalidates, undoEnds, mayFail, judged: config.fail !== null }),
    );
  };
  const dmabuf: DmabufParts = { ...iommufd_dmabuf, ...policy.dmabuf };
  const plain: BaseCalls = {
    convert_private: convert('private'),
    convert_shared: convert('shared'),
    punch_hole: onFd(makePunchHole(truncate)),
    memory_failure: makeMemoryFailure(truncate, hasCast(config, 'host') && config.base !== 'rfc-v2'),
    iopt_put_pages,
    map_file: makeMapFile(policy, arch, iopt_put_pages),
    unmap:
      arch.accesses === true
        ? unmapWithAccess(policy, arch, iopt_put_pages)
        : makeUnmap(policy, arch, iopt_put_pages, dmabuf),
    bind: makeBind(__fput),
    unbind: makeUnbind(truncate, __fput),
    close: close_gmem,
    populate_page: populatePage(arch),
    kvm_tdp_mmu_map,
    gup_fast: user.gup_fast,
    access_pin: iommufd_access_of(policy, arch).access_pin,
    create_vmsa: makeVmsa(arch, __fput).create,
    fault_user_mapping: config.base === 'v8' ? kvm_gmem_fault_user_mapping : kvm_gmem_fault_shared,
  };
  const base: BaseCalls = { ...plain, ...policy.replaces?.(plain, arch) };
  const vmsa = hasVmsa(config) ? makeVmsa(arch, __fput).check : null;
  const fault = makeFault(base, arch, __fput, vmsa);
  const allocate = onFd(makeAllocate(truncate));
  const usual = [
    ...userCalls(config, base, allocate),
    ...domainCalls(config, policy, arch, dmabuf),
    ...guestCalls(config, policy, base, arch, fault),
    ...deviceCalls(config, policy),
    ...hostCalls(config, base, notifies, arch),
    ...accessCalls(config, policy, base, arch),
    ...dmabufCalls(config, arch, dmabuf),
  ];
  const kinds = hasLaunch(config)
    ? withLaunch(usual, makeLaunchCalls({ arch, mayFail, release: __fput }, base.populate_page))
    : usual;
  const guest = guestOf(config);
  const wanted = kinds.filter(
    (kind) =>
      (kind.vmm === 'both' || kind.vmm === config.vmm) && (kind.guest === undefined || kind.guest === guest),
  );
  const slots = memslotsOf(config).map(({ base_gfn, npages }) => ({
    start: base_gfn,
    end: base_gfn + npages,
  }));
  const mapsFile = policy.ioas_map_file !== undefined && !hasSlots(config);
  const isThere = (word: string): boolean =>
    mapsFile || !(hasDmabuf(config) ? /^map$/ : /^(map|unmap|plug|attach|detach|access_.*)$/).test(word);
  const calls = wanted.filter((kind) => isThere(kind.word)).flatMap((kind) => expand(kind, pages, slots));
  const lockers = hasDomains(config) ? lockCalls() : [];
  return { arch, calls, lockers, words: [...new Set(calls.map((call) => call.word))] };
}

function userCalls(config: Config, base: BaseCalls, allocate: (range: Range) => Steps<unknown>): CallKind[] {
  const adversarial = 'adversarial' as const;
  const convertName = (to: string) => (range: Range) => {
    if (config.base === 'v8') return `KVM_SET_MEMORY_ATTRIBUTES2 index ${showRange(range)} to ${to}`;
    if (config.base === 'rfc-v2') return `KVM_GMEM_CONVERT_${to.toUpperCase()} index ${showRange(range)}`;
    return `KVM_SET_MEMORY_ATTRIBUTES gfn ${showRange(range)} to ${to}`;
  };
  return [
    {
      word: 'map',
      thread: 'vmm',
      vmm: adversarial,
      takes: 'range',
      name: (range) => `IOMMU_IOAS_MAP_FILE index ${showRange(range)} at iova ${range.start}`,
      fn: base.map_file,
      errnos: ['-EBADF', '-EEXIST', '-ENOMEM', '-EPERM', '-EINVAL', '-EFAULT', '-EHWPOISON', '-EAGAIN'],
    },
    {
      word: 'unmap',
      thread: 'vmm',
      vmm: adversarial,
      takes: 'range',
      name: (range) => `IOMMU_IOAS_UNMAP iova ${showRange(range)}`,
      fn: base.unmap,
      errnos: ['-ENOENT', '-EBUSY', ...(hasAccess(config) ? ['-EDEADLOCK'] : [])],
    },
    {
      word: 'convert_private',
      thread: 'vmm',
      vmm: adversarial,
      takes: 'range',
      name: convertName('private'),
      fn: base.convert_private,
      errnos: CONVERT_ERRNOS[config.base],
    },
    {
      word: 'convert_shared',
      thread: 'vmm',
      vmm: adversarial,
      takes: 'range',
      name: convertName('shared'),
      fn: base.convert_shared,
      errnos: CONVERT_ERRNOS[config.base],
    },
    {
      word: 'punch_hole',
      thread: 'vmm',
      vmm: adversarial,
      takes: 'range',
      name: (range) => `fallocate(PUNCH_HOLE) index ${showRange(range)}`,
      fn: base.punch_hole,
      /* kvm_gmem_punch_hole() of the others cannot fail */
      errnos: config.base === 'rfc-v2' ? ['-EBADF', '-EAGAIN'] : ['-EBADF'],
    },
    {
      word: 'allocate',
      thread: 'vmm',
      vmm: adversarial,
      takes: 'range',
      name: (range) => `fallocate() index ${showRange(range)}`,
      fn: allocate,
      errnos: ['-EBADF', '-ENOMEM', '-EINTR'],
    },
    ...(inPlace(config)
      ? [
          {
            word: 'host_write',
            thread: 'vmm',
            vmm: 'both',
            takes: 'index',
            name: (range: Range) => `user space writes to its mapping of index ${range.start}`,
            fn: makeHostWrite(base.fault_user_mapping),
            errnos: ['-SIGBUS', '-SIGSEGV'],
          } as const,
        ]
      : []),
    {
      word: 'close',
      thread: 'vmm',
      vmm: adversarial,
      takes: 'all',
      name: () => 'close(gmem fd)',
      fn: base.close,
      errnos: ['-EBADF'],
    },
    {
      word: 'bind',
      thread: 'vmm',
      vmm: adversarial,
      takes: 'slot',
      name: (range) => `KVM_SET_USER_MEMORY_REGION2 new slot${slotText(config, range)}`,
      fn: base.bind,
      errnos: ['-EBADF', '-EEXIST'],
    },
    {
      word: 'unbind',
      thread: 'vmm',
      vmm: adversarial,
      takes: 'slot',
      name: (range) => `KVM_SET_USER_MEMORY_REGION2 delete slot${slotText(config, range)}`,
      fn: base.unbind,
      errnos: ['-EINVAL'],
    },
    {
      word: 'memory_failure',
      thread: 'mf',
      vmm: 'both',
      takes: 'index',
      name: (range) => `memory_failure() of index ${range.start}`,
      fn: onePage(base.memory_failure),
    },
  ];
}

/** The VMM attaches a device to the IOAS, or takes it away. */
function domainCalls(config: Config, policy: Policy, arch: Arch, dmabuf: DmabufParts): CallKind[] {
  if (!hasDomains(config)) return [];
  const { iopt_table_add_domain, iopt_table_remove_domain } = makeAttach(policy, arch, dmabuf);
  const domain = { thread: 'vmm', vmm: 'adversarial', takes: 'all' } as const;
  return [
    {
      ...domain,
      word: 'attach',
      name: () => 'VFIO_DEVICE_ATTACH_IOMMUFD_PT',
      fn: iopt_table_add_domain,
      errnos: ['-EEXIST', '-ENOMEM', '-EPERM', '-EINVAL', '-EFAULT', '-EHWPOISON', '-EAGAIN'],
    },
    {
      ...domain,
      word: 'detach',
      name: () => 'VFIO_DEVICE_DETACH_IOMMUFD_PT',
      fn: iopt_table_remove_domain,
      errnos: ['-ENOENT'],
    },
  ];
}

const unmapWithAccess = (policy: Policy, arch: Arch, iopt_put_pages: () => Steps<void>) =>
  iopt_unmap_of({ ioas_unmap: policy.ioas_unmap, iopt_put_pages, iommufd_access_notify_unmap }, arch);

/** A driver reads, writes and pins pages of the IOAS. */
function accessCalls(config: Config, policy: Policy, base: BaseCalls, arch: Arch): CallKind[] {
  if (!hasAccess(config)) return [];
  const { access_unpin, access_read, access_write } = iommufd_access_of(policy, arch);
  const driver = { thread: 'driver', vmm: 'both' } as const;
  const errnos = ['-ENOENT', '-EINVAL', '-EPERM'];
  const rw = (word: string, fn: typeof access_read): CallKind => ({
    ...driver,
    word,
    takes: 'page',
    name: (range) => `iommufd_access_rw(), ${word === 'access_read' ? 'read' : 'write'}, iova ${range.start}`,
    fn,
    errnos,
  });
  return [
    {
      ...driver,
      word: 'access_pin',
      takes: 'range',
      name: (range) => `iommufd_access_pin_pages() of iova ${showRange(range)}`,
      fn: base.access_pin,
      errnos: [...errnos, '-EBUSY'],
    },
    {
      ...driver,
      word: 'access_unpin',
      takes: 'nothing',
      name: () => 'iommufd_access_unpin_pages()',
      fn: access_unpin,
      errnos: ['-ENOENT'],
    },
    rw('access_read', access_read),
    rw('access_write', access_write),
  ];
}

/** User space maps the dma-buf, and its exporter takes the memory back. */
function dmabufCalls(config: Config, arch: Arch, dmabuf: DmabufParts): CallKind[] {
  if (!hasDmabuf(config)) return [];
  const { revoke, unrevoke } = makeExporter(dmabuf);
  const exporter = { thread: 'exporter', vmm: 'adversarial', takes: 'nothing' } as const;
  return [
    {
      word: 'map_dmabuf',
      thread: 'vmm',
      vmm: 'adversarial',
      takes: 'page',
      name: (range) => `IOMMU_IOAS_MAP_FILE of the dma-buf at iova ${range.start}`,
      fn: makeMapDmabuf(dmabuf, arch),
      errnos: ['-ENODEV', '-EEXIST', '-ENOMEM'],
    },
    {
      ...exporter,
      word: 'revoke',
      name: () => 'vfio_lock_and_set_power_state(PCI_D3hot): revoke',
      fn: revoke,
    },
    {
      ...exporter,
      word: 'unrevoke',
      name: () => 'vfio_lock_and_set_power_state(PCI_D0): un-revoke',
      fn: unrevoke,
    },
  ];
}

/** Calls of which only the locks are modelled. */
function lockCalls(): Call[] {
  const { iommufd_ioas_map, iopt_map_dmabuf, iopt_revoke_notify, dma_buf_fault } = locking;
  return [iommufd_ioas_map, iopt_map_dmabuf, iopt_revoke_notify, dma_buf_fault].map((fn) => ({
    word: fn.name,
    name: `${fn.name}()`,
    thread: 'vmm',
    vmm: 'adversarial',
    fn,
    args: [],
    range: { start: 0, end: 0 },
    errnos: [],
  }));
}

function guestCalls(
  config: Config,
  policy: Policy,
  base: BaseCalls,
  arch: Arch,
  fault: ReturnType<typeof makeFault>,
): CallKind[] {
  const { plug, psc, unplug } = makeCooperative(policy, base, arch, config.bounds.pages);
  const faults = ['-EFAULT', '-ENOMEM', '-EHWPOISON'];
  return [
    {
      word: 'plug',
      thread: 'vmm',
      vmm: 'cooperative',
      takes: 'nothing',
      name: () => 'user space maps what may be used for DMA',
      fn: plug,
    },
    {
      word: 'psc_private',
      thread: 'vcpu',
      vmm: 'cooperative',
      takes: 'range',
      name: (range) => `guest asks for gfn ${showRange(range)} private`,
      fn: psc('private'),
    },
    {
      word: 'psc_shared',
      thread: 'vcpu',
      vmm: 'cooperative',
      takes: 'range',
      name: (range) => `guest asks for gfn ${showRange(range)} shared`,
      fn: psc('shared'),
    },
    {
      word: 'unplug',
      thread: 'vcpu',
      vmm: 'cooperative',
      takes: 'range',
      name: (range) => `guest gives gfn ${showRange(range)} back (unplug)`,
      fn: unplug,
    },
    {
      word: 'access',
      thread: 'vcpu',
      vmm: 'both',
      guest: 'honest',
      takes: 'index',
      name: (range) => `guest touches gfn ${range.start}`,
      fn: fault.honest,
      errnos: faults,
    },
    ...(hasVmsa(config)
      ? [
          {
            word: 'create_vmsa',
            thread: 'vcpu',
            vmm: 'both',
            takes: 'index',
            name: (range: Range) => `guest makes gfn ${range.start} the VMSA of its vCPU`,
            fn: base.create_vmsa,
          } as const,
        ]
      : []),
    {
      word: 'fault_private',
      thread: 'vcpu',
      vmm: 'both',
      guest: 'malicious',
      takes: 'index',
      name: (range) => `guest touches gfn ${range.start} as private`,
      fn: fault.as(true),
      errnos: faults,
    },
    {
      word: 'fault_shared',
      thread: 'vcpu',
      vmm: 'both',
      guest: 'malicious',
      takes: 'index',
      name: (range) => `guest touches gfn ${range.start} as shared`,
      fn: fault.as(false),
      errnos: faults,
    },
  ];
}

/** A VMM that populates the guest and finishes the launch; before that no vCPU runs. */
function withLaunch(kinds: readonly CallKind[], launch: ReturnType<typeof makeLaunchCalls>): CallKind[] {
  return [
    ...kinds.map((kind) =>
      kind.thread === 'vcpu'
        ? { ...kind, fn: launch.whenLaunched(kind.fn), errnos: [...(kind.errnos ?? []), '-EINVAL'] }
        : kind,
    ),
    {
      word: 'populate',
      thread: 'vmm',
      vmm: 'both',
      takes: 'range',
      name: (range) => `kvm_gmem_populate() of gfn ${showRange(range)}`,
      fn: launch.populate,
      errnos: ['-EINVAL', '-EIO', '-EFAULT', '-EINTR', '-ENOMEM', '-EHWPOISON'],
    },
    {
      word: 'launch_finish',
      thread: 'vmm',
      vmm: 'both',
      takes: 'nothing',
      name: () => 'the launch is finished',
      fn: launch.finish,
    },
  ];
}

/** A user thread of the host: only where memory is shared in place may it map the file. */
function hostCalls(config: Config, base: BaseCalls, notifies: boolean, arch: Arch): CallKind[] {
  if (!hasCast(config, 'host') || !inPlace(config)) return [];
  const host = { thread: 'host', vmm: 'both' } as const;
  return [
    {
      ...host,
      word: 'gup',
      takes: 'index',
      name: (range) => `pin_user_pages_fast() of index ${range.start}`,
      fn: user.makePinUserPages(base.fault_user_mapping, base.gup_fast),
      errnos: ['-EFAULT'],
    },
    { ...host, word: 'unpin', takes: 'nothing', name: () => 'unpin_user_page()', fn: user.unpin },
    {
      ...host,
      word: 'kernel_write',
      takes: 'nothing',
      name: () => 'the kernel writes to the pinned page',
      fn: user.writes,
    },
    {
      ...host,
      word: 'lookup',
      takes: 'index',
      name: (range) => `filemap_get_folio() of index ${range.start}`,
      fn: user.filemap_get_folio,
    },
    {
      ...host,
      word: 'munmap',
      takes: 'range',
      name: (range) => `munmap() of index ${showRange(range)}`,
      fn: user.makeMunmap(notifies, arch),
    },
  ];
}

function deviceCalls(config: Config, policy: Policy): CallKind[] {
  if ((policy.ioas_map_file === undefined && !hasDmabuf(config)) || hasSlots(config)) return [];
  const honest = guestOf(config) === 'honest';
  return streamsOf(config).flatMap((stream) =>
    [true, false].map((write) => ({
      word: `${write ? 'write' : 'read'}${stream.private ? '_private' : ''}`,
      thread: 'device' as const,
      vmm: 'both' as const,
      takes: 'index' as const,
      name: (range: Range) => `DMA ${write ? 'write' : 'read'} to iova ${range.start}, ${stream.name}`,
      fn: makeDma(stream, write, honest),
    })),
  );
}
