// The domain that comes and goes (cast `domains`), and the walk over the areas that fills and empties it.

import type { Areas } from './areas.ts';
import type { Exec } from './context.ts';
import { ANYTHING, AREA_ANSWERS, PLAIN, type Rows } from './row.ts';
import { areaOr, either, iova } from './words.ts';

export const DOMAIN_STEPS = {
  iopt_area_iter: {
    ...PLAIN,
    words: (s) => [`iopt_area_iter_first() ${iova(s)}`, areaOr('no area')],
    answers: AREA_ANSWERS,
    touches: ANYTHING,
    run: ({ areas }, s, m) => areas.areaIter(m, s.start, s.end),
  },
  iopt_has_domain: {
    ...PLAIN,
    words: () => ['xa_empty(&iopt->domains)', either('true', 'false')],
    touches: ANYTHING,
    run: ({ machine: { at } }, _s, m) => m[at.domain_attached],
  },
  iopt_set_domain: {
    ...PLAIN,
    words: (s) => [`${s.attached ? 'xa_store' : 'xa_erase'}(&iopt->domains)`],
    touches: ANYTHING,
    run: ({ machine: { at }, note }, s, m) => {
      m[at.domain_attached] = s.attached ? 1 : 0;
      if (s.attached) note('domain-attached');
      return 0;
    },
  },
} satisfies Rows<Exec & { readonly areas: Areas }>;
