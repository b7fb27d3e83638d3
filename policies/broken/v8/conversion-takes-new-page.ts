// v8, broken: to shared frees the page and lets the next fault allocate another (docs/objections.md D38).

import { type Policy, call, each_page, filemap_remove_folio } from '../../../api/index.ts';
import { none } from '../../none.ts';
import { setAttributes, setAttributesParts } from './calls.ts';

export const conversionTakesNewPage: Policy = {
  ...none,
  name: 'conversion-takes-new-page',
  title: 'v8: the page of a conversion is not the same',
  source: 'docs/objections.md D38: a test converted and looked at another page',
  base: 'v8',
  planted: {
    invariant: 'same-pfn-across-conversion',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'The host does not find what the guest has shared.',
  },
  replaces: (_base, arch) => {
    const { commit } = setAttributesParts('shared', arch);
    return {
      convert_shared: setAttributes('shared', arch, {
        *commit(range) {
          for (const index of each_page(range)) yield* filemap_remove_folio(index);
          return yield* call(commit, range);
        },
      }),
    };
  },
};
