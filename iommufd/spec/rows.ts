// The RFC of 25 Feb 2026, row by row: what reading it found, by which violation a generated sequence shows it,
// and where it is no defect, or none of this level, why.

import type { Functions } from '../model/functions.ts';
import { RFC_GMEM, RFC_GMEM_COUNTS_PAGES } from '../model/rfc-gmem.ts';
import { LINUX_7_2 } from '../model/linux-7.2.ts';
import type { SequenceData } from '../arbitraries/sequence.ts';
import { runSequence } from '../runs/run.ts';
import type { Violation } from './invariants.ts';

export type Verdict = 'found' | 'shown' | 'concurrent' | 'latent' | 'not modelled' | 'no defect';

export interface Row {
  readonly id: string;
  readonly says: string;
  readonly verdict: Verdict;
  /** What shows it; only where it is found by generated sequences. */
  readonly shows?: (violation: Violation) => boolean;
  readonly fn?: Functions;
  /** Sequences with user memory as well; else of files, because R01 ends every other one. */
  readonly anySource?: boolean;
  /** Sequences that count: for a row that another one would lead to as well. */
  readonly only?: (data: SequenceData) => boolean;
  /** Where it is not found: why. */
  readonly because?: string;
}

const by =
  (breach: Violation['breach'], at?: RegExp, detail?: RegExp) =>
  (violation: Violation): boolean =>
    violation.breach === breach &&
    (at === undefined || at.test(violation.at)) &&
    (detail === undefined || detail.test(violation.detail));

/* No hole is punched between lookup and map. */
const noRace = (data: SequenceData): boolean => !data.ops.some((op) => op.op === 'map' && op.race);

const underflow =
  (at: RegExp) =>
  (violation: Violation): boolean =>
    by('refcount-underflow', at)(violation) || by('pincount-underflow', at)(violation);

const found = (id: string, says: string, shows: Row['shows'], more: Partial<Row> = {}): Row => ({
  id,
  says,
  verdict: 'found',
  ...(shows === undefined ? {} : { shows }),
  ...more,
});
const not = (id: string, verdict: Verdict, says: string, because: string): Row => ({
  id,
  says,
  verdict,
  because,
});

export const ROWS: readonly Row[] = [
  found(
    'R01',
    'batch_unpin() asks kvm_is_gmemfd(pages->file) for every type: user memory is a user pointer there',
    by('type-confusion', /kvm_is_gmemfd/),
    { anySource: true },
  ),
  found(
    'R02',
    'pfn_reader_release_pins() calls unpin_folios() on folios that were never pinned',
    underflow(/pfn_reader_release_pins/),
  ),
  found(
    'R04',
    'kvm_gmemfd_get_pfn() tests for NULL, kvm_gmem_get_folio() returns ERR_PTR',
    by('wild-pointer', /kvm_gmemfd_get_pfn/),
  ),
  not(
    'R05',
    'latent',
    'NULL for "not gmem" would be followed by the caller',
    'pin_guest_memfd_pages() is called only after kvm_is_gmemfd() of the same file, which never changes',
  ),
  found(
    'R06',
    'neither reference nor lock nor notifier: PUNCH_HOLE frees a page that an IOPTE maps',
    by('page-freed-while-mapped', /truncate/),
    { only: noRace },
  ),
  found(
    'R07',
    "after R06 the RMP entry is the hypervisor's, and a write of the device reaches the next owner",
    by('host-memory-corrupted'),
    { only: noRace },
  ),
  found(
    'R08',
    'no retry protocol: a hole between lookup and iommu_map() installs a freed page',
    by('freed-page-installed'),
  ),
  found('R10', 'not zeroed: a device reads what was left in the page', by('unzeroed-page-read')),
  found('R10b', 'not zeroed: the first KVM fault clears what a device has written', by('device-data-lost')),
  not(
    'R11',
    'concurrent',
    'RMP entry not assigned before the first DMA',
    "try 'A: map 0 | D: write 0' --policy vmm-remap --platform sev-snp --device T0 --initial private: D: ok, untrusted DMA into a page of a private index; with invalidate-callback, which prepares the page, a contained fault alone",
  ),
  found(
    'R12',
    'no look at the attribute: an index that is shared is mapped',
    by('iopte-of-shared-gfn', /^(map|copy|attach)$/),
  ),
  found(
    'R13',
    'no hook on conversion: the IOPTE of an index stays when it becomes shared',
    by('iopte-of-shared-gfn', /^convert$/),
  ),
  found(
    'R14',
    'npinned, and the charge for it, without a pin',
    (violation) =>
      violation.invariant === 'pinned-exactly-once' && /of gmem .*: 0 pins/.test(violation.detail),
  ),
  found(
    'R15',
    'iommufd_access_rw() copies from and to private memory',
    by('cpu-access-to-private', /copy_data_page/),
  ),
  found(
    'R15b',
    'iommufd_access_pin_pages() hands private pages to a driver',
    by('cpu-access-to-private', /iommufd_access_pin_pages/),
  ),
  found(
    'R17',
    'max_order is not used: contiguous 4K folios become one 2M IOPTE',
    by('iopte-larger-than-rmp'),
  ),
  found(
    'R18',
    'np is in bytes and used as a number of pages: pointers past the end of upages, with order 0 too',
    by('out-of-array', /pin_guest_memfd_pages/),
  ),
  found(
    'R19',
    'folio_page(folio, offset + j) with the offset of the first folio for every folio',
    by('wrong-page'),
    { fn: RFC_GMEM_COUNTS_PAGES },
  ),
  not(
    'R20',
    'no defect',
    'returns npages though the folios may cover more',
    'batch_from_folios() clips; what goes wrong with it is R18',
  ),
  not(
    'R22',
    'no defect',
    'the folio grows between lookup and arithmetic, and uptr wraps',
    'run with steps: a pointer that becomes that of a larger folio is to its first page, so the offset is what it was (policies/vmm-remap.test.ts); a folio that shrinks is R39 and R40',
  ),
  not(
    'R23',
    'latent',
    'an error at i > 0 drops the folios before it',
    'nothing is pinned yet that could leak, and R04 comes first; the all-or-nothing invariant would find it',
  ),
  not(
    'R24',
    'no defect',
    '-EINVAL at the first folio is logged as "skipping" and not skipped',
    'kvm_gmem_get_folio() of Linux 7.2 never returns -EINVAL: dead code, and the errno would be right',
  ),
  found('R25', 'pr_err() for every pin of an ordinary memfd', by('log-flood')),
  not(
    'R27',
    'concurrent',
    'order of invalidation, if there were a notifier',
    'faults of invalidate-callback, each caught: callback-at-end (zap after truncation), clear-without-flush and flush-not-awaited (no sync), no-recheck (a map between zap and end). Zap of the storage domain alone: the machine has one domain',
  ),
  not(
    'R28',
    'shown',
    'unmap of an area that something else has zapped in part',
    'no generated operation zaps below iommufd; tests of rows.test.ts do: -EINVAL in the middle, WARN, pfn 0',
  ),
  not(
    'R29',
    'concurrent',
    'pages->mutex against invalidate_lock',
    'lock-order-acyclic, 1 call, in check of notifier-under-pages-mutex, and with --cast domains of callback-takes-domains-rwsem and mutex-class-shared; see the order of locks below',
  ),
  not(
    'R30',
    'shown',
    'the file reference of iopt_pages keeps the VM alive',
    'rows.test.ts: the reference is there until UNMAP, whatever user space closes; a matter of design',
  ),
  not('R31', 'no defect', 'iommufd.ko needs symbols of kvm.ko', 'a matter of the build, not of behaviour'),
  not(
    'R33',
    'not modelled',
    'not checked that file and device belong to one VM',
    'one VM in both levels; no state of iommufd says whose a file is, so there is nothing to race with: RMP and ASID decide',
  ),
  not(
    'R34',
    'no defect',
    'folio_put() before folio_unlock()',
    'the page cache holds a reference and truncation waits for the folio lock, so the folio outlives the unlock',
  ),
  not(
    'R35',
    'no defect',
    'no policy on writable, no dirty marking',
    'noop_dirty_folio(), and no read-only gmem in 7.2',
  ),
  found(
    'R36',
    'no test of i_size: folios beyond the end of the file come into being and are mapped',
    by('beyond-i_size'),
  ),
  found(
    'R38',
    'iopt_pages_err_unpin() unpins pages that were never pinned, on a failed access',
    underflow(/iopt_pages_err_unpin/),
  ),
  not(
    'R39',
    'concurrent',
    'folio_nr_pages() is read again after the lookup: where the folio was split, batch_from_folios() runs past the entries that were set',
    "found by check vmm-remap: pointers-are-what-they-seem (unset), 2 calls, 2 switches; try 'A: map 0-1 | B: convert_shared 0' --initial private-huge",
  ),
  not(
    'R40',
    'concurrent',
    'offset_in_folio() is read after the lookup: where the folio was split it is 0, and the first page of the folio is mapped for another one',
    "found by running it: 'A: map 1 | B: convert_shared 0' from private-huge can end with iova 1 at the page of index 0 (policies/vmm-remap.test.ts)",
  ),
];

export const variantOf = (row: Row): Functions => row.fn ?? RFC_GMEM;

/** The rows that a violation shows; none where it cannot be told. */
export const classify = (violation: Violation): string[] =>
  ROWS.filter((row) => row.shows?.(violation) === true).map((row) => row.id);

/** Of the policy, if Linux 7.2 does not show it on the same sequence. */
export const blamePolicy = (data: SequenceData, violation: Violation): boolean =>
  !runSequence(data, LINUX_7_2).violations.some(
    (other) => other.invariant === violation.invariant && other.at === violation.at,
  );
