// vmm-remap, broken: the area leaves the tree before its IOPTEs are gone, so that its IOVA can be mapped again in
// between (docs/iommufd.md K18).

import { type Policy, call, iopt_abort_area, iopt_area_begin_unmap } from '../../../api/index.ts';
import { vmmRemap } from '../../vmm-remap.ts';

export const iovaFreedBeforeUnmap: Policy = {
  ...vmmRemap,
  name: 'iova-freed-before-unmap',
  title: 'vmm-remap: the IOVA is freed before the domain is unmapped',
  source: 'docs/iommufd.md K18; iopt_unmap_iova_range(): iopt_abort_area() after iopt_area_unfill_domains()',
  base: 'linux-7.2',
  planted: {
    invariant: 'iova-is-empty-when-reused',
    platform: 'bare',
    vmm: 'adversarial',
    pages: 1,
    fault: 'A map takes the IOVA while the IOPTEs of its last owner are there.',
  },
  replaces: ({ iopt_put_pages }, arch) => ({
    *unmap(range) {
      let start = range.start;
      while (start < range.end) {
        const area = yield* iopt_area_begin_unmap({ start, end: range.end });
        if (area === 'busy') return '-EBUSY';
        if (area === 'cut') return '-ENOENT';
        if (area === null) break;
        yield* iopt_abort_area(area);
        if (vmmRemap.ioas_unmap !== undefined) yield* call(vmmRemap.ioas_unmap, area, arch);
        yield* call(iopt_put_pages);
        start = area.end;
      }
      return start > range.start ? 0 : '-ENOENT';
    },
  }),
};
