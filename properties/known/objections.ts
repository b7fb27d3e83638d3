// tidy: long because the bugs, races and objections of the list are one table
// What was reported, raised in review or found by reading about guest_memfd and its conversions: D numbers, and
// where this project catches each. docs/objections.md is written from it; a test holds it against the planted
// faults and the findings.

/** B: a bug reported or fixed; R: raised in review; N: found by reading; O: an open objection. */
type Kind = 'B' | 'R' | 'N' | 'O';

export type Answer =
  /** Planted faults that are it, or stand for it. */
  | { readonly is: 'planted'; readonly faults: readonly string[]; readonly note?: string }
  /** Findings of docs/findings.md: the base itself does it. */
  | { readonly is: 'finding'; readonly findings: readonly string[]; readonly note?: string }
  /** Planted faults of the argument checks, docs/uapi.md. */
  | { readonly is: 'uapi'; readonly faults: readonly string[]; readonly note?: string }
  | { readonly is: 'equivalent'; readonly why: string }
  | { readonly is: 'not expressible'; readonly why: string };

export interface Objection {
  readonly d: number;
  readonly kind: Kind;
  readonly says: string;
  readonly source: string;
  readonly answers: readonly Answer[];
}

const planted = (...faults: readonly string[]): Answer => ({ is: 'planted', faults });
const finding = (...findings: readonly string[]): Answer => ({ is: 'finding', findings });
const uapi = (...faults: readonly string[]): Answer => ({ is: 'uapi', faults });
const equivalent = (why: string): Answer => ({ is: 'equivalent', why });
const notExpressible = (why: string): Answer => ({ is: 'not expressible', why });

export const OBJECTIONS: readonly Objection[] = [
  {
    d: 1,
    kind: 'B',
    says: 'kvm_gmem_unbind() is skipped for a file whose last reference is gone, and release writes to a freed slot.',
    source:
      'Sean Christopherson, Nov 2025, ae431059e75d ("Remove bindings on memslot deletion when gmem is dying")',
    answers: [
      {
        is: 'planted',
        faults: ['unbind-skipped-when-dying'],
        note: 'planted into kvm_gmem_unbind() of 7.2, which the machine has on every base: that RFC v2, older than the fix, does it by itself is not shown',
      },
    ],
  },
  {
    d: 2,
    kind: 'B',
    says: 'Clearing KVM_MEM_GUEST_MEMFD on an existing slot leaves the old slot bound.',
    source: 'Sean Christopherson, late 2025; a flag that is toggled is -EINVAL since',
    answers: [planted('flags-change-keeps-binding')],
  },
  {
    d: 3,
    kind: 'B',
    says: 'A large offset plus size is seen as negative, and a nonsense binding is accepted.',
    source: 'pull request for 7.2: binding offset and size are unsigned',
    answers: [uapi('bind-signed', 'bind-wrap')],
  },
  {
    d: 4,
    kind: 'B',
    says: 'An overlapping binding returned -EINVAL and not -EEXIST.',
    source: 'pull request for 7.2',
    answers: [
      {
        is: 'uapi',
        faults: ['bind-overlap'],
        note: 'the argument checks of RFC v2 say -EINVAL, as it does; in the machine binding is that of 7.2 on every base',
      },
    ],
  },
  {
    d: 6,
    kind: 'B',
    says: 'The pfn of a VMSA, which the hardware uses, survives PUNCH_HOLE and slot deletion.',
    source: 'kvm_arch_gmem_invalidate_range() in 7.2; that older code had the bug is inferred from it',
    answers: [planted('vmsa-not-invalidated', 'vmsa-published-late'), finding('vmsa-survives-a-hole')],
  },
  {
    d: 7,
    kind: 'R',
    says: 'A host fault checks that the index is shared, a conversion comes in between, then it maps the page.',
    source: 'Sean Christopherson, 1 Oct 2025, Re: [RFC PATCH v2 02/51]',
    answers: [planted('convert-without-lock', 'host-fault-without-lock')],
  },
  {
    d: 8,
    kind: 'R',
    says: 'While the IOMMU holds a reference a conversion is refused with -EAGAIN, for ever.',
    source: 'Alexey Kardashevskiy, 24 Jun 2025; documented as the job of user space in v8',
    answers: [
      equivalent('by design where somebody maps the page: check folio-pin, -EAGAIN until unmap'),
      { is: 'planted', faults: ['reference-kept', 'pins-outlive-area'], note: 'these leak the reference' },
    ],
  },
  {
    d: 10,
    kind: 'B',
    says: 'A folio just faulted in sits in a per-CPU LRU batch, and a conversion is refused for that reference.',
    source: 'Ackerley Tng, 24 Jun 2026',
    answers: [planted('lru-not-drained')],
  },
  {
    d: 12,
    kind: 'N',
    says: 'kvm_gmem_convert_compute_work(): an inner ret shadows the outer one; -ENOMEM is lost, part of the range is converted, 0 is returned.',
    source: 'RFC v2, found by reading',
    answers: [finding('work-list-swallows-enomem')],
  },
  {
    d: 13,
    kind: 'N',
    says: 'error_offset is not set on the -ENOMEM paths of the conversion ioctl, and what is on the stack is copied to user space.',
    source: 'RFC v2, found by reading; v8 sets it to the start',
    answers: [finding('error-offset-not-set'), planted('error-offset-unset', 'enomem-without-offset')],
  },
  {
    d: 15,
    kind: 'N',
    says: 'The rollback undoes the work that failed as well, also where its store was never made, and restructures what it should leave alone.',
    source: 'RFC v2 38/51, found by reading; 04/51 stopped before the one that failed',
    answers: [
      {
        is: 'finding',
        findings: ['undo-merges-a-mixed-page'],
        note: 'the undo inside the failed work merges what was in 4K pages before; it takes two huge pages',
      },
      planted('rollback-stops-short'),
      equivalent(
        'the rest of it is no defect: storing the old shareability again changes nothing, and what a work to private undoes by a split was in 4K pages before, as each huge page that it touches had a shared index; nothing else is violated at quick with one failure and rfc-v2.undo-loop-ends=true (models/tests/rfc-v2.test.ts)',
      ),
    ],
  },
  {
    d: 16,
    kind: 'R',
    says: 'The rollback itself can fail, which is a WARN and a folio that is in no page cache.',
    source: 'Yan Zhao, June 2025, Re: [RFC PATCH v2 38/51]',
    answers: [
      notExpressible(
        'a rollback that fails needs a second failure, likely where memory is short; runs have one at most',
      ),
    ],
  },
  {
    d: 17,
    kind: 'R',
    says: 'The restructuring waits for exact references with invalidate_lock held; one that is kept makes it spin for ever.',
    source: 'Ackerley Tng, Yan Zhao, 2025',
    answers: [
      {
        is: 'planted',
        faults: ['pins-private-pages'],
        note: 'the spin is what this fault is caught by; folio-pin itself shows it on sev-snp, where private pages are mapped for DMA: no-unbounded-retry (spin)',
      },
    ],
  },
  {
    d: 18,
    kind: 'R',
    says: 'A conversion to shared takes it for granted that nobody holds a private page.',
    source: 'the same thread',
    answers: [
      {
        is: 'planted',
        faults: ['pins-private-pages'],
        note: 'one fault for both: D18 is its cause, a reference to a private page that nobody looks for, and D17 what comes of it; without huge folios a conversion to shared looks at no reference',
      },
    ],
  },
  {
    d: 19,
    kind: 'R',
    says: 'Removing an S-EPT leaf can fail, the unmap cannot say so, and the page is used again.',
    source: 'Yan Zhao, Vishal Annapurve, Ackerley Tng, June 2025',
    answers: [
      planted('hole-keeps-td-page'),
      finding('failed-removal-frees-a-td-page', 'failed-removal-and-the-page-is-shared'),
    ],
  },
  {
    d: 20,
    kind: 'R',
    says: 'The guest is unmapped before the conversion can be refused; on TDX that destroys its data.',
    source: 'Binbin Wu, May 2025; Ackerley Tng, 30 May 2025; Yan Zhao',
    answers: [
      finding('failed-store-comes-after-the-zap'),
      planted('page-state-before-check', 'preallocation-in-bracket', 'reserve-after-zap'),
    ],
  },
  {
    d: 21,
    kind: 'N',
    says: 'A conversion to private zaps shared SPTEs through the mmu notifier of a mapping that need not be there.',
    source:
      'RFC v2, found by reading; a comment in invalidate_begin_and_zap says that this cannot be relied on',
    answers: [finding('shared-sptes-survive-without-mmap')],
  },
  {
    d: 22,
    kind: 'R',
    says: 'The bracket in the wrong order: end before the zap, no seq, no range, started twice.',
    source: 'WARN in kvm_mmu_invalidate_range_add(), WARN and KVM_BUG_ON in kvm_mmu_invalidate_end()',
    answers: [
      planted(
        'callback-at-end',
        'end-before-commit',
        'end-without-seq',
        'start-without-range',
        'started-twice',
        'zap-before-start',
        'commit-before-start',
        'count-before-seq',
        'range-added-late',
      ),
    ],
  },
  {
    d: 23,
    kind: 'R',
    says: 'The filter comes from a flag of the inode: with mixed ranges the other kind stays mapped.',
    source: 'v8 20/46 reads the attributes',
    answers: [planted('hole-filter-by-flag', 'hole-without-zap', 'zap-of-wrong-kind')],
  },
  {
    d: 25,
    kind: 'R',
    says: '-1ul as the end of a range works only for as long as nobody computes with it.',
    source: 'v8 19/46',
    answers: [planted('release-of-empty-range', 'callback-a-page-short')],
  },
  {
    d: 27,
    kind: 'R',
    says: 'A missing attribute is taken for shared, and the host may map a private page.',
    source: 'Binbin Wu, 22 Jun 2026, Re: v8 01/46; Sean Christopherson: fall back to the initial state',
    answers: [planted('missing-entry-is-shared')],
  },
  {
    d: 28,
    kind: 'R',
    says: 'The attribute look-up takes a sleeping lock under mmu_lock.',
    source: 'cover letter of v5',
    answers: [planted('attribute-lookup-under-mmu-lock')],
  },
  {
    d: 29,
    kind: 'R',
    says: 'One hook for pages that are freed and pages that become shared: wiped on conversion, or not wiped when freed.',
    source: 'Fuad Tabba, 19 Jun 2026, Re: v8 15/46',
    answers: [planted('wiped-on-conversion', 'freed-without-hook')],
  },
  {
    d: 31,
    kind: 'R',
    says: 'populate of a folio that was not zeroed, without a source, exposes what the host had there.',
    source: 'v8 21/46',
    answers: [planted('page-not-cleared', 'cleared-after-map', 'populate-without-source')],
  },
  {
    d: 32,
    kind: 'R',
    says: 'Converting or punching a part of what a 2M S-EPT leaf maps removes all of the leaf, and destroys the data of gfns that are not converted. It has to be split before, and that may fail.',
    source: 'Yan Zhao, Aug 2025; Sean Christopherson, Jan 2026',
    answers: [
      notExpressible('as it is said: S-EPT leaves are of 4K in Linux 7.2, and so they are in the models'),
      {
        is: 'planted',
        faults: ['no-split', 'rmpupdate-without-psmash'],
        note: 'the same of a folio and of an RMP entry: a part is converted, and the whole is not split before',
      },
      {
        is: 'finding',
        findings: ['mixed-range-zaps-private-leaves'],
        note: 'another way to lose the data of gfns that are not converted: by their kind, with leaves of 4K',
      },
    ],
  },
  {
    d: 34,
    kind: 'N',
    says: 'kvm_gmem_zero_range() zeroes a huge folio from its start: a hole in its middle wipes what is before the hole.',
    source: 'RFC v2, found by reading',
    answers: [finding('hole-wipes-what-is-before-it')],
  },
  {
    d: 36,
    kind: 'N',
    says: 'PAGE_ALIGNED(offset) is tested twice, the size never.',
    source: 'a sketch of Oct 2025; v8 is right',
    answers: [uapi('alignment-once')],
  },
  {
    d: 37,
    kind: 'R',
    says: 'offset == i_size is accepted by RFC v2 and -EINVAL in v8; size 0 is 0 and -EINVAL.',
    source: 'RFC v2 and v8',
    answers: [uapi('size-zero', 'fault-at-end')],
  },
  {
    d: 38,
    kind: 'R',
    says: 'The TDX selftest of v7 converted without an error, and the shared memory that it then tested was another physical page: it proved nothing.',
    source: 'cover letter of v8',
    answers: [
      equivalent(
        'a defect of a test, not of the kernel; its lesson is the invariant same-pfn-across-conversion',
      ),
      {
        is: 'planted',
        faults: ['conversion-takes-new-page'],
        note: 'a kernel that did so, which that test would have passed',
      },
    ],
  },
  {
    d: 39,
    kind: 'O',
    says: 'Content modes PRESERVE and ZERO differ before and after launch.',
    source: 'Michael Roth, 29 Apr 2026; dropped in v6',
    answers: [
      notExpressible('no base of this project has content modes: v6 and later promise nothing about content'),
    ],
  },
  {
    d: 40,
    kind: 'O',
    says: 'Private as KVM tracks it and private as the trusted entity tracks it are two bits.',
    source: 'Ackerley Tng, Michael Roth, 3 to 7 Apr 2026',
    answers: [
      equivalent(
        'not a fault: the model has both, the attribute of the index and RMP entry or S-EPT leaf, and the invariants say where they must agree',
      ),
    ],
  },
  {
    d: 41,
    kind: 'O',
    says: 'User space has to try again for ever.',
    source: 'Yan Zhao; Vishal Annapurve: waiting in the kernel has no bound either',
    answers: [
      notExpressible(
        'endless retries of user space are liveness under fairness; no-unbounded-retry judges retries inside one call',
      ),
    ],
  },
  {
    d: 42,
    kind: 'R',
    says: 'The RFC of 25 Feb 2026: an ERR_PTR taken for a folio, put before unlock, an offset used again, bytes counted as pages.',
    source: 'found by reading',
    answers: [
      planted('offset-never-advances', 'reference-put-twice', 'pin-after-put'),
      {
        is: 'equivalent',
        why: 'the functions of the mail themselves run in the sequential model: rows R01 to R38 of [iommufd.md](iommufd.md)',
      },
    ],
  },
  {
    d: 43,
    kind: 'O',
    says: 'Without a notifier a device keeps its access to a page that was truncated and freed.',
    source: 'Sean Christopherson, Jason Gunthorpe, Ackerley Tng, Alexey Kardashevskiy, 25 to 28 Feb 2026',
    answers: [planted('callback-on-conversion-only', 'hole-before-start')],
  },
  {
    d: 44,
    kind: 'R',
    says: 'A mapping by user address pins the memory behind shared gfns and not gmem.',
    source: 'Alexey Kardashevskiy, 26 Jun 2025',
    answers: [
      notExpressible(
        'a mapping by user address is another area of memory: IOMMU_IOAS_MAP never sees gmem, which is the objection itself',
      ),
    ],
  },
  {
    d: 46,
    kind: 'R',
    says: 'The interleave index of NUMA counted the page offset twice.',
    source: 'pull request for 7.2',
    answers: [notExpressible('no NUMA nodes in the model, and no safety depends on the node')],
  },
  {
    d: 47,
    kind: 'R',
    says: 'Readers of an attribute other than the fault path have no retry.',
    source: 'raised with the attribute look-ups of v8',
    answers: [
      {
        is: 'planted',
        faults: ['host-fault-without-lock'],
        note: 'a reader in guest_memfd: the mmap fault has no retry, and needs invalidate_lock',
      },
      {
        is: 'planted',
        faults: ['attribute-before-snapshot', 'attribute-checked-once'],
        note: 'a consumer that reads for itself',
      },
      notExpressible(
        'the readers of KVM that are meant, page-state change requests of SNP and emulation: the models have neither. sev_handle_rmp_fault() reads without a retry there as in 7.2; kvm_gmem_get_pfn(), which it calls, allocates and prepares as for any fault, and the PSMASH is all that rests on what was read',
      ),
    ],
  },
];
