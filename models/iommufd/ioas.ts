// IOMMU_IOAS_MAP_FILE and IOMMU_IOAS_UNMAP at the level of areas; what fills and clears them is the policy's. With
// cast domains also attach and detach of the domain: iopt_table_add_domain(), iopt_table_remove_domain(). With cast
// dmabuf areas of a dma-buf as well, which no policy is asked about.

import {
  type Arch,
  type DmabufParts,
  type Policy,
  type Range,
  type Result,
  type Steps,
  call,
  dma_buf_list_add,
  dma_buf_list_del,
  down_read,
  down_write,
  iopt_abort_area,
  iopt_area_begin_unmap,
  iopt_area_iter,
  iopt_area_ready,
  iopt_has_domain,
  iopt_insert_area,
  iopt_insert_dmabuf_area,
  iopt_is_dmabuf,
  iopt_set_domain,
  lock,
  unlock,
  up_read,
  up_write,
  vfio_pci_dma_buf_attach,
} from '../../api/index.ts';

/** iopt_map_pages(), where the IOVA is reserved: fill the domain, publish the area. */
const mapPages = ({ attaches = false, accesses = false }: Arch) =>
  function* iopt_map_pages(range: Range, fill: (range: Range) => Steps<Result>): Steps<Result> {
    if (attaches) yield* down_read('domains_rwsem');
    const result = yield* fill(range);
    if (result === 0) {
      /* inside domains_rwsem: any domain that comes later finds the area */
      if (attaches || accesses) yield* down_write('iova_rwsem');
      yield* iopt_area_ready(range);
      if (attaches || accesses) yield* up_write('iova_rwsem');
    }
    if (attaches) yield* up_read('domains_rwsem');
    return result;
  };

/** iopt_map_file_pages(): reserve the IOVA, fill the domain, publish the area. */
export function makeMapFile(policy: Policy, arch: Arch, iopt_put_pages: () => Steps<void>) {
  const { ioas_map_file } = policy;
  const attaches = arch.attaches === true;
  const iopt_map_pages = mapPages(arch);

  /** iopt_fill_domains_pages(): nothing to do, and nothing looked up, as long as there is no domain. */
  function* fill(range: Range): Steps<Result> {
    if (ioas_map_file === undefined || (attaches && !(yield* iopt_has_domain()))) return 0;
    return yield* call(ioas_map_file, range, arch);
  }
  return function* iommufd_ioas_map_file(range: Range): Steps<Result> {
    const inserted = yield* iopt_insert_area(range);
    if (inserted !== 0) return inserted;
    const result = yield* iopt_map_pages(range, fill);
    if (result === 0) return 0;
    yield* iopt_abort_area(range);
    yield* call(iopt_put_pages);
    return result;
  };
}

/** iopt_release_pages(): dma_buf_detach(). domains_rwsem may be held for reading, pages->mutex is not. */
function* iopt_release_dmabuf_pages(): Steps<void> {
  yield* lock('dma_resv');
  yield* dma_buf_list_del();
  yield* unlock('dma_resv');
}

/** The same for a dma-buf: iopt_alloc_dmabuf_pages() comes first. */
export function makeMapDmabuf(parts: DmabufParts, arch: Arch) {
  const { iopt_area_fill_domains, vfio_pci_dma_buf_iommufd_map } = parts;
  const attaches = arch.attaches === true;
  const iopt_map_pages = mapPages(arch);

  /** dma_buf_dynamic_attach() puts it on the list; the memory comes, or not, in a second section of dma_resv. */
  function* iopt_map_dmabuf(): Steps<Result> {
    if (!(yield* vfio_pci_dma_buf_attach())) return '-ENODEV';
    yield* lock('dma_resv');
    yield* dma_buf_list_add();
    yield* unlock('dma_resv');
    yield* lock('dma_resv');
    const mapped = yield* vfio_pci_dma_buf_iommufd_map();
    yield* unlock('dma_resv');
    if (mapped) return 0;
    yield* call(iopt_release_dmabuf_pages);
    return '-ENODEV';
  }

  function* fill(range: Range): Steps<Result> {
    if (attaches && !(yield* iopt_has_domain())) return 0;
    return yield* call(iopt_area_fill_domains, range);
  }
  return function* iommufd_ioas_map_dmabuf(range: Range): Steps<Result> {
    const attached = yield* call(iopt_map_dmabuf);
    if (attached !== 0) return attached;
    const inserted = yield* iopt_insert_dmabuf_area(range);
    const result = inserted === 0 ? yield* iopt_map_pages(range, fill) : inserted;
    if (result === 0) return 0;
    if (inserted === 0) yield* iopt_abort_area(range);
    yield* call(iopt_release_dmabuf_pages);
    return result;
  };
}

/** iopt_unmap_iova_range(): area by area, never looking back. */
export function makeUnmap(
  policy: Policy,
  arch: Arch,
  iopt_put_pages: () => Steps<void>,
  { iopt_area_unfill_domains }: DmabufParts,
) {
  const { ioas_unmap } = policy;
  const attaches = arch.attaches === true;

  function* iopt_unmap_area(area: Range): Steps<boolean> {
    const isDmabuf = arch.dmabuf === true && (yield* iopt_is_dmabuf(area.start));
    if ((isDmabuf || ioas_unmap !== undefined) && !(attaches && !(yield* iopt_has_domain()))) {
      if (isDmabuf) yield* call(iopt_area_unfill_domains, area);
      else if (ioas_unmap !== undefined) yield* call(ioas_unmap, area, arch);
    }
    yield* iopt_abort_area(area);
    if (isDmabuf) yield* call(iopt_release_dmabuf_pages);
    else if (!attaches) yield* call(iopt_put_pages);
    return isDmabuf;
  }
  function* iopt_unmap_iova_range(range: Range): Steps<{ rc: Result; areas: number; files: number }> {
    let start = range.start;
    let areas = 0;
    let files = 0;
    while (start < range.end) {
      const area = yield* iopt_area_begin_unmap({ start, end: range.end });
      if (area === 'busy') return { rc: '-EBUSY', areas, files };
      if (area === 'cut') return { rc: '-ENOENT', areas, files };
      if (area === null) break;
      if (!(yield* call(iopt_unmap_area, area))) files++;
      areas++;
      start = area.end;
    }
    return { rc: areas > 0 ? 0 : '-ENOENT', areas, files };
  }
  return function* iommufd_ioas_unmap(range: Range): Steps<Result> {
    if (attaches) yield* down_read('domains_rwsem');
    const { rc, files } = yield* iopt_unmap_iova_range(range);
    if (attaches) {
      yield* up_read('domains_rwsem');
      /* the last fput() is task work: the file is released when no lock is held any more */
      for (let k = 0; k < files; k++) yield* call(iopt_put_pages);
    }
    return rc;
  };
}

/** Attach of the one domain: it gets all areas that have pages, or none. */
export function makeAttach(policy: Policy, arch: Arch, dmabuf: DmabufParts) {
  const { ioas_map_file, ioas_unmap } = policy;

  function* fill(area: Range): Steps<Result> {
    if (arch.dmabuf === true && (yield* iopt_is_dmabuf(area.start)))
      return yield* call(dmabuf.iopt_area_fill_domains, area);
    return ioas_map_file === undefined ? 0 : yield* call(ioas_map_file, area, arch);
  }
  function* unfill(area: Range): Steps<void> {
    if (arch.dmabuf === true && (yield* iopt_is_dmabuf(area.start)))
      yield* call(dmabuf.iopt_area_unfill_domains, area);
    else if (ioas_unmap !== undefined) yield* call(ioas_unmap, area, arch);
  }
  function* iopt_fill_domain(range: Range): Steps<Result> {
    let area = yield* iopt_area_iter(range);
    while (area !== null) {
      const rc = yield* fill(area);
      if (rc !== 0) {
        yield* call(iopt_unfill_domain, { start: range.start, end: area.start });
        return rc;
      }
      area = yield* iopt_area_iter({ start: area.end, end: range.end });
    }
    return 0;
  }
  function* iopt_unfill_domain(range: Range): Steps<void> {
    let area = yield* iopt_area_iter(range);
    while (area !== null) {
      yield* unfill(area);
      area = yield* iopt_area_iter({ start: area.end, end: range.end });
    }
  }
  return {
    *iopt_table_add_domain(range: Range): Steps<Result> {
      yield* down_write('domains_rwsem');
      yield* down_write('iova_rwsem');
      let rc: Result = (yield* iopt_has_domain()) ? '-EEXIST' : 0;
      if (rc === 0) rc = yield* call(iopt_fill_domain, range);
      if (rc === 0) yield* iopt_set_domain(true);
      yield* up_write('iova_rwsem');
      yield* up_write('domains_rwsem');
      return rc;
    },
    *iopt_table_remove_domain(range: Range): Steps<Result> {
      yield* down_write('domains_rwsem');
      yield* down_write('iova_rwsem');
      const attached = yield* iopt_has_domain();
      if (attached) {
        yield* iopt_set_domain(false);
        yield* call(iopt_unfill_domain, range);
      }
      yield* up_write('iova_rwsem');
      yield* up_write('domains_rwsem');
      return attached ? 0 : '-ENOENT';
    },
  };
}
