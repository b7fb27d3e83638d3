// folio-pin, broken: an access that fails stays counted.

import { type Policy, iommufd_access_of } from '../../../api/index.ts';
import { folioPin } from '../../folio-pin.ts';

const { access_page } = folioPin;

export const numAccessesKeptOnError: Policy = {
  ...folioPin,
  name: 'num-accesses-kept-on-error',
  title:
    'folio-pin: num_accesses is raised before the pages are there, and not lowered where they do not come',
  source: 'iopt_area_add_access(): area->num_accesses++ follows iopt_pages_fill_xarray()',
  base: 'linux-7.2',
  planted: {
    settings: { cast: ['access'] },
    invariant: 'num-accesses-is-what-is-held',
    platform: 'sev-snp',
    vmm: 'adversarial',
    fault: 'A driver is refused a private page, and the area counts an access that nobody will give back.',
  },
  replaces: (_base, arch) => ({
    access_pin: iommufd_access_of(
      { ...(access_page === undefined ? {} : { access_page }), counts_first: true },
      arch,
    ).access_pin,
  }),
};
