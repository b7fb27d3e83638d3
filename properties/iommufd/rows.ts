// The RFC of 25 Feb 2026, row by row: what reading it found, by which violation a generated sequence shows it, and where it is
// no defect, or none of this level, why.

import type { Functions } from '../../models/iommufd/functions.ts';
import { RFC_GMEM, RFC_GMEM_COUNTS_PAGES } from '../../models/iommufd/rfc-gmem.ts';
import { LINUX_7_2 } from '../../models/iommufd/linux-7.2.ts';
import type { SequenceData } from '../../arbitraries/iommufd.ts';
import { runSequence } from './run.ts';
import type { Violation } from './invariants.ts';

export type Verdict = 'found' | 'shown' | 'latent' | 'elsewhere' | 'no defect';

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
    'elsewhere',
    'RMP entry not assigned before the first DMA',
    'needs the page states of the platforms: the concurrent machine has them (models/platforms)',
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
    'elsewhere',
    'the folio grows between lookup and arithmetic, and uptr wraps',
    'needs a merge of folios concurrent to the lookup, and folios larger than those of Linux 7.2',
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
    'elsewhere',
    'order of invalidation, if there were a notifier',
    'the mail has none; policies/invalidate-callback.ts and its faults on the concurrent machine',
  ),
  not(
    'R28',
    'shown',
    'unmap of an area that something else has zapped in part',
    'no generated operation zaps below iommufd; tests of rows.test.ts do: -EINVAL in the middle, WARN, pfn 0',
  ),
  not(
    'R29',
    'elsewhere',
    'pages->mutex against invalidate_lock',
    'a lock order needs two threads: the concurrent machine',
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
    'elsewhere',
    'not checked that file and device belong to one VM',
    'one VM here; the RMP and ASID decide, which the platforms have',
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
