// Areas and domains, pointers, in-kernel access, the revoke of a dma-buf.

import { on, some } from './made.ts';
import { AREA, DMABUF } from '../../models/machine.ts';
import { type Questions, inEachPage } from './questions.ts';
import { AXIOM, type Invariant, type M, onlyWith } from './row.ts';
import { table, inFlight, deviceTlb, free, takenBack, inIopte, inIotlb } from './tables.ts';

/** The one failure of the run was the step's. */
const hasUsedFailure = ({ at }: Questions, before: M, after: M): boolean =>
  at.fail_next !== undefined && before[at.fail_next] === 1 && after[at.fail_next] === 0;

export const IOMMUFD = [
  /* ---- areas and domains ---- */
  {
    ...AXIOM,
    name: 'iova-is-empty-when-reused',
    says: 'What iommufd maps has no IOPTE yet: an IOVA is given out again only when those of its last owner are gone.',
    source: 'iopt_unmap_iova_range(): iopt_abort_area() follows iopt_area_unfill_domains()',
    partner: 'iommu-mapped',
    breaches: [
      {
        outcome: 'IOPTE',
        needsIommu: true,
        event: 'map-over-iopte',
        definition: on(
          'iommu_map',
          (q, { iova, pages }, { before, after }) =>
            some({ start: iova, end: iova + pages }, (page) => before[q.at.iopte + page] !== 0) &&
            !hasUsedFailure(q, before, after),
        ),
        witness: 'iommu_map() finds an IOPTE: -EADDRINUSE from an IOVA that was free',
      },
    ],
  },
  {
    ...AXIOM,
    name: 'domain-maps-the-areas',
    says: 'With nothing going on, an attached domain has the IOPTEs of every area, where nobody but iommufd clears any.',
    source: 'iopt_map_pages(): "area->pages must be set inside the domains_rwsem"; docs/iommufd.md A3.8',
    partner: 'domain-attached',
    judged: onlyWith('domains'),
    breaches: [
      {
        outcome: 'area',
        whenIdle: true,
        at: (q) => {
          const { domain_attached, area, iopte, dmabuf_pages } = q.at;
          if (domain_attached === undefined || q.notified) return null;
          return (m) =>
            m[domain_attached] === 0
              ? -1
              : inEachPage(
                  q,
                  (iova) =>
                    m[area + iova] === AREA.mapped &&
                    m[iopte + iova] === 0 &&
                    (dmabuf_pages === undefined || m[dmabuf_pages + iova] !== DMABUF.empty),
                );
        },
        witness: (_q, _m, iova) => `the area at iova ${iova} has pages, and the domain has no IOPTE for it`,
      },
    ],
  },
  /* ---- pointers ---- */
  {
    ...AXIOM,
    name: 'pointers-are-what-they-seem',
    says: 'Every pointer that the kernel follows was set, to an object of its type.',
    source: 'drivers/iommu/iommufd/pages.c: ufolios; include/linux/err.h: IS_ERR()',
    partner: 'call-returned',
    breaches: [
      {
        outcome: 'ERR_PTR',
        event: 'err-ptr-followed',
        definition: on(
          'wild_pointer',
          (q, { pointer }, { before }) =>
            pointer === 'ERR_PTR' &&
            q.machine.config.fail === 'kvm_gmem_get_folio' &&
            before[q.at.fail_used] === 1,
        ),
        witness: 'an errno is followed as if it were a folio',
      },
      {
        outcome: 'unset',
        event: 'unset-pointer-followed',
        definition: on('wild_pointer', (_q, { pointer }) => pointer === 'ufolios'),
        witness:
          'an entry of an array is followed as a folio that nobody has written, or that is past its end',
      },
    ],
  },
  /* ---- in-kernel access ---- */
  {
    ...AXIOM,
    name: 'access-pages-stay',
    says: 'A page that a driver has pinned is in an area that has its pages, and is not freed.',
    source:
      'iopt_unmap_iova_range(): num_accesses is 0 where area->pages becomes NULL; iommufd_access_notify_unmap()',
    partner: 'access-meets-unmap',
    judged: onlyWith('access'),
    cast: 'access',
    breaches: [
      table(
        'area',
        'access_pfn',
        (iova) => `pinned by a driver at iova ${iova}, whose area is gone`,
        (q, m, _pfn, iova) => m[q.at.area + iova] !== AREA.mapped,
      ),
      table('freed page', 'access_pfn', (iova) => `pinned by a driver at iova ${iova}`, free),
    ],
  },
  {
    ...AXIOM,
    name: 'num-accesses-is-what-is-held',
    says: 'With pages->mutex free, an area has accesses exactly where a driver has pages of it.',
    source: 'drivers/iommu/iommufd/pages.c: iopt_area_add_access(), iopt_area_remove_access()',
    partner: 'access-pinned',
    judged: onlyWith('access'),
    cast: 'access',
    breaches: [
      {
        outcome: 'num_accesses',
        at: (q) => {
          const { num_accesses, access_pfn, area, area_start } = q.at;
          if (num_accesses === undefined) return null;
          return (m) => {
            if (m[q.machine.lockAt.pages_mutex.writer] !== 0) return -1;
            return inEachPage(q, (iova) => {
              if (m[area + iova] !== AREA.mapped || m[area_start + iova] !== iova) return false;
              const held = inEachPage(
                q,
                (page) =>
                  m[area + page] === AREA.mapped &&
                  m[area_start + page] === iova &&
                  m[access_pfn + page] !== 0,
              );
              return m[num_accesses + iova] > 0 !== held >= 0;
            });
          };
        },
        witness: (q, m, iova) =>
          `num_accesses of the area at iova ${iova} is ${m[q.at.num_accesses + iova]}, which is not what the driver has`,
      },
    ],
  },
  {
    ...AXIOM,
    name: 'no-cpu-access-to-private',
    says: 'The kernel neither copies from nor to private memory of a guest, nor does a driver have pages of it.',
    source: 'the RFC of 25 Feb 2026 leaves iommufd_access_rw() and iommufd_access_pin_pages() as they are',
    partner: 'access-copied',
    judged: onlyWith('access'),
    cast: 'access',
    breaches: [
      table(
        'pin',
        'access_pfn',
        (iova) => `pinned by a driver at iova ${iova}, which is private`,
        (q, m, _pfn, iova) => q.view.isPrivate(m, iova),
      ),
      {
        outcome: 'copy',
        event: 'private-page-copied',
        definition: on('batch_rw', (q, { iova }, { before }) => q.view.isPrivate(before, iova)),
        witness: 'iommufd_access_rw() copies from or to a page of a private index',
      },
    ],
  },
  /* ---- revoke of a dma-buf ---- */
  {
    ...AXIOM,
    name: 'no-access-after-revoke',
    says: 'Once dma_buf_invalidate_mappings() has returned to the exporter, no translation, cached or in flight, reaches its memory, until it gives it out again.',
    source:
      '8c5f9645c389: access is stopped and fenced inside invalidate_mappings(); iopt_revoke_notify(): iommu_unmap(), then phys.len = 0',
    partner: 'revoke-finds-area',
    judged: onlyWith('dmabuf'),
    gravity: 3,
    cast: 'dmabuf',
    breaches: [
      inIopte(takenBack),
      inIotlb(takenBack),
      deviceTlb('device TLB', takenBack),
      inFlight(takenBack),
    ],
  },
  {
    ...AXIOM,
    name: 'unmap-returns-its-size',
    says: 'The unmap of an area of a dma-buf finds all of it mapped: what a revoke has unmapped is not unmapped again.',
    source:
      'iommu_unmap_nofail(), WARN_ON(ret != size); __iopt_area_unfill_domain(), WARN_ON() of a revoked one',
    partner: 'revoke-meets-unmap',
    judged: onlyWith('dmabuf'),
    cast: 'dmabuf',
    breaches: [
      {
        outcome: 'size',
        event: 'unmap-found-less',
        definition: on(
          'iommu_unmap_fast',
          (q, step, { before }) =>
            step.nofail === true && some(step, (iova) => before[q.at.iopte + iova] === 0),
        ),
        witness: 'iommu_unmap() of an area finds an IOVA without an IOPTE: WARN_ON(ret != size)',
      },
    ],
  },
] satisfies readonly Invariant[];
