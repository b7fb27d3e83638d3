// vmm-remap, broken: area->pages is set after domains_rwsem is dropped, and a domain that is attached in between misses
// the area (docs/iommufd.md K16).

import {
  type Policy,
  call,
  down_read,
  down_write,
  iopt_abort_area,
  iopt_area_ready,
  iopt_has_domain,
  iopt_insert_area,
  up_read,
  up_write,
} from '../../../api/index.ts';
import { vmmRemap } from '../../vmm-remap.ts';

export const pagesSetOutsideDomainsRwsem: Policy = {
  ...vmmRemap,
  name: 'pages-set-outside-domains-rwsem',
  title: 'vmm-remap: area->pages is set outside of domains_rwsem',
  source: 'docs/iommufd.md K16; iopt_map_pages(): "must be set inside the domains_rwsem"',
  planted: {
    settings: { cast: ['domains'] },
    invariant: 'domain-maps-the-areas',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'A domain that is attached between the two sections does not get the area.',
  },
  replaces: ({ iopt_put_pages }, arch) => ({
    *map_file(range) {
      const inserted = yield* iopt_insert_area(range);
      if (inserted !== 0) return inserted;
      yield* down_read('domains_rwsem');
      const fill = vmmRemap.ioas_map_file;
      const result = fill !== undefined && (yield* iopt_has_domain()) ? yield* call(fill, range, arch) : 0;
      yield* up_read('domains_rwsem');
      if (result === 0) {
        yield* down_write('iova_rwsem');
        yield* iopt_area_ready(range);
        yield* up_write('iova_rwsem');
        return 0;
      }
      yield* iopt_abort_area(range);
      yield* call(iopt_put_pages);
      return result;
    },
  }),
};
