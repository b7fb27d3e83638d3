// The sequential iommufd under the calls of the machine, as tests/worlds.test.ts looks at it: index and iova are those
// of the machine in pages, a huge page of the machine is a folio of as many pages. By construction
// * guest_memfd is here a file with attributes, which neither splits nor merges its folios: references are compared
//   by folio, and what RFC v2 refuses or waits for where there are pins is said here, of the pins of this world;
// * leaves are of every power of two here, and of two sizes there: IOPTEs are compared page by page;
// * folio-pin is Linux 7.2 with a memfd, and with U1 repaired, as folio-pin has no array of folios.

import { iommufd_access_rw } from '../../iommufd/model/access-rw.ts';
import type { Functions } from '../../iommufd/model/functions.ts';
import { type iommu_domain, iommu_iova_to_phys } from '../../iommufd/model/iommu.ts';
import {
  EBUSY,
  ENOENT,
  ENOMEM,
  EPERM,
  GUP_PIN_COUNTING_BIAS,
  type Kernel,
  KernelOops,
  PAGE_SIZE,
  errnoName,
} from '../../iommufd/model/kernel.ts';
import { type File, filemap_grab, folio_nr_pages, pinsOf, punch_hole } from '../../iommufd/model/memory.ts';
import { LINUX_7_2_REPAIRED } from '../../iommufd/model/repaired.ts';
import { RFC_GMEM } from '../../iommufd/model/rfc-gmem.ts';
import { cached } from '../../iommufd/runs/guest.ts';
import * as testbed from '../../iommufd/runs/testbed.ts';
import * as uapi from '../../iommufd/runs/uapi.ts';
import type { InitialState } from '../../models/boot.ts';
import type { Call } from '../../models/calls.ts';
import { type Failure, type FolioSeen, HUGE_PAGES, PAGES, type Seen } from './machine.ts';

/** Breaches of the undo of the RFC: pins that were never taken, pointers that were never set. And none elsewhere. */
const BAD_UNDO =
  /^(warn|refcount-underflow|pincount-underflow|wild-pointer|uninitialised-read|use-after-free)$/;

/** What fails next: how many more calls of the step. */
interface Armed {
  step: Failure['step'] | null;
  left: number;
}

/** The kernel functions of a policy, which may be made to fail, and may refuse private pages. */
function functionsOf(base: Functions, refusesPrivate: boolean, armed: Armed): Functions {
  return {
    ...base,
    iommu_map: (k, ...rest) =>
      armed.step === 'iommu_map' && --armed.left === 0 ? ENOMEM : base.iommu_map(k, ...rest),
    pin_file_pages(k, user, pages, start, wanted) {
      let npages = wanted;
      if (refusesPrivate && user.file !== null) {
        const first = start / PAGE_SIZE;
        for (npages = 0; npages < wanted && user.file.shared.has(first + npages);) npages++;
        if (npages === 0) return EPERM;
      }
      if (armed.step !== 'kvm_gmem_get_folio') return base.pin_file_pages(k, user, pages, start, npages);
      /* folios are all that may fail in there */
      const met = k.failPoints;
      k.fail = armed.left > 0 ? met + armed.left : 0;
      const rc = base.pin_file_pages(k, user, pages, start, npages);
      k.fail = 0;
      armed.left -= k.failPoints - met;
      return rc;
    },
  };
}

/** What a call returns that is the last of the kernel. */
export const OOPS = 'oops';

/* The pages of the machine are numbered from here on. */
const FIRST_PFN = 16;

/** As in the machine: what was given back is the first to be given out again. */
function giveLowestFree(k: Kernel, size: number): void {
  const isFree = (pfn: number): boolean => k.memory.folios.get(pfn)?.freed !== false;
  Object.defineProperty(k.memory, 'nextPfn', {
    get: () => {
      let pfn = FIRST_PFN;
      while (!isFree(pfn)) pfn += size;
      return pfn;
    },
    set() {
      /* the next look will say */
    },
  });
}

const range = (start: number, end: number): number[] =>
  Array.from({ length: end - start }, (_, k) => start + k);
const blockOf = (index: number): number => index - (index % HUGE_PAGES);

export function sequentialOf(pins: boolean, initially: InitialState, mapsPrivate: boolean) {
  const armed: Armed = { step: null, left: 0 };
  const base = pins ? LINUX_7_2_REPAIRED : RFC_GMEM;
  const bed = testbed.bedOf(0, 0, functionsOf(base, pins && !mapsPrivate, armed));
  const { k, iopt } = bed;
  /* as BATCH_SIZE and UFOLIOS_LEN of the machine */
  k.temp_memory_limit = 16;
  const order = initially.huge ? Math.log2(HUGE_PAGES) : 0;
  giveLowestFree(k, 2 ** order);
  const file: File = testbed.fileOf(pins ? 'memfd' : 'gmem', PAGES, [{ order, gap: false }]);
  if (!initially.private) for (let index = 0; index < PAGES; index++) file.shared.add(index);
  const domain: iommu_domain = testbed.attach(bed);
  const driver = testbed.driverOf(bed);
  let oops = false;

  const iovaOf = (index: number): number => testbed.BASE + index * PAGE_SIZE;
  const indexOf = (iova: number): number => (iova - testbed.BASE) / PAGE_SIZE;
  const mappedAt = (index: number): number | null => {
    const phys = iommu_iova_to_phys(domain, iovaOf(index));
    return phys === 0 ? null : phys / PAGE_SIZE;
  };
  /** What an IOPTE maps has a pin; that of a page that was punched is none of what is in the page cache now. */
  const isPinned = (index: number): boolean => {
    const pfn = cached(file, index);
    return pins && pfn !== null && mappedAt(index) === pfn;
  };
  const isAnyPinned = (block: number): boolean => range(block, block + HUGE_PAGES).some(isPinned);

  /** Of a huge page at the end that is asked for in part nothing. */
  function allocate(start: number, end: number): string {
    const step = initially.huge ? HUGE_PAGES : 1;
    for (let block = start - (start % step); block + step <= end; block += step) filemap_grab(k, file, block);
    return '0';
  }
  /** With pins: a page that becomes private may have none; a huge page that is split or merged is waited for. */
  function convert(start: number, end: number, toShared: boolean): string | null {
    const work = range(start, end).filter((index) => file.shared.has(index) !== toShared);
    if (!toShared && work.some(isPinned)) return '-EAGAIN';
    const blocks = initially.huge ? [...new Set(work.map(blockOf))] : [];
    const isPrivate = (index: number): boolean => !file.shared.has(index);
    const wasHuge = blocks.filter((block) => range(block, block + HUGE_PAGES).every(isPrivate));
    for (const index of work)
      if (toShared) file.shared.add(index);
      else file.shared.delete(index);
    const isHuge = blocks.filter((block) => range(block, block + HUGE_PAGES).every(isPrivate));
    return (toShared ? wasHuge : isHuge).some(isAnyPinned) ? null : '0';
  }
  /** Of huge pages only whole ones go, and one with a shared page in it only if it has no pins. */
  function punch(start: number, end: number): string {
    const step = initially.huge ? HUGE_PAGES : 1;
    for (let block = Math.ceil(start / step) * step; block + step <= end; block += step) {
      const isMixed = range(block, block + step).some((index) => file.shared.has(index));
      if (initially.huge && isMixed && isAnyPinned(block)) return '-EAGAIN';
      punch_hole(k, file, block, block + step - 1);
    }
    return '0';
  }
  /** Private pages are not for the driver where the policy looks, which it does area by area. */
  function isRefused(start: number, end: number): boolean {
    const isReached = (index: number): boolean => range(start, index + 1).every((k) => mappedAt(k) !== null);
    return pins && range(start, end).some((index) => isReached(index) && !file.shared.has(index));
  }
  function pin(start: number, end: number): number {
    if (driver.taken.length > 0) return EBUSY;
    return isRefused(start, end) ? EPERM : testbed.pin(bed, driver, iovaOf(start), end - start).rc;
  }
  function unpin(): number {
    if (driver.taken.length === 0) return ENOENT;
    testbed.unpin(bed, driver);
    return 0;
  }
  function copy(index: number, write: boolean): number {
    if (isRefused(index, index + 1)) return EPERM;
    const where = { iova: iovaOf(index), length: PAGE_SIZE };
    return iommufd_access_rw(k, driver.access, where, new Uint8Array(PAGE_SIZE), { write, slow: false });
  }
  function call({ word, range: { start, end } }: Call): number | string | null {
    const where = { iova: iovaOf(start), length: (end - start) * PAGE_SIZE };
    const flags = uapi.FIXED_IOVA | uapi.READABLE | uapi.WRITEABLE;
    switch (word) {
      case 'map':
        return uapi.ioas_map_file(k, iopt, { ...where, flags, file, start: start * PAGE_SIZE }).rc;
      case 'unmap':
        return uapi.ioas_unmap(k, iopt, where).rc;
      case 'convert_private':
      case 'convert_shared':
        return convert(start, end, word === 'convert_shared');
      case 'allocate':
        return allocate(start, end);
      case 'punch_hole':
        return punch(start, end);
      case 'access_pin':
        return pin(start, end);
      case 'access_unpin':
        return unpin();
      case 'access_read':
      case 'access_write':
        return copy(start, word === 'access_write');
      default:
        throw new Error(`no such call here: ${word}`);
    }
  }
  const number = (pfn: number | null): number | null => (pfn === null ? null : pfn - FIRST_PFN);
  const areas = () => iopt.area_itree.nodes.map(({ of }) => of).sort((a, b) => a.node.start - b.node.start);

  return {
    /** An errno; null: it waits for ever. */
    run(of: Call, failure: Failure | null): string | null {
      armed.step = failure?.step ?? null;
      armed.left = failure?.nth ?? 0;
      try {
        const rc = call(of);
        return typeof rc === 'number' ? errnoName(rc) : rc;
      } catch (error) {
        if (!(error instanceof KernelOops)) throw error;
        oops = true;
        return OOPS;
      }
    },
    /** The call is to map a page that the policy does not let it. */
    refuses: ({ word, range: { start, end } }: Call): boolean =>
      word === 'map' && pins && !mapsPrivate && range(start, end).some((index) => !file.shared.has(index)),
    undoesTooMuch: (): boolean => oops || k.findings.some(({ breach }) => BAD_UNDO.test(breach)),
    /** Lets the pages go that the machine has not: whether there are any. */
    forget(cache: Seen['cache']): boolean {
      const more = range(0, PAGES).filter((index) => cache[index] === null && cached(file, index) !== null);
      for (const index of more) punch_hole(k, file, index, index + 2 ** order - 1);
      return more.length > 0;
    },
    seen(): Seen {
      const all = areas();
      const access = range(0, PAGES).map((): number | null => null);
      for (const { pages, node, pages_node } of all)
        for (const [index, pfn] of pages?.pinned_pfns ?? [])
          access[indexOf(node.start) + index - pages_node.start] = number(pfn);
      return {
        areas: all.map(
          ({ node, num_accesses }) =>
            `[${indexOf(node.start)},${indexOf(node.last + 1)}) of ${num_accesses} accesses`,
        ),
        iopte: range(0, PAGES).map((index) => number(mappedAt(index))),
        access,
        npinned: all.reduce((sum, { pages }) => sum + (pages?.npinned ?? 0), 0),
        private: range(0, PAGES).map((index) => !file.shared.has(index)),
        cache: range(0, PAGES).map((index) => number(cached(file, index))),
      };
    },
    /** Each folio that no other has taken the place of. */
    folios: (): FolioSeen[] =>
      [...new Set(k.memory.folios.values())].map((folio) => {
        const pinned = pinsOf(folio);
        const others = folio.refs - pinned * (folio.order > 0 ? 1 : GUP_PIN_COUNTING_BIAS);
        return {
          first: folio.pfn - FIRST_PFN,
          count: folio_nr_pages(folio),
          free: folio.freed,
          pins: pinned,
          others,
        };
      }),
  };
}

export type Sequential = ReturnType<typeof sequentialOf>;
