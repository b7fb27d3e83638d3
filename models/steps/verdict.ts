// What one access of a device through a leaf comes to: the tables of the platform, and the check of the RMP that
// goes with an IOTLB fill.

import { OUTCOMES } from '../platforms/outcomes.ts';
import type { Exec, State } from './context.ts';

export type Verdict = ReturnType<typeof makeVerdict>;

export const FAULT = OUTCOMES.indexOf('contained fault');

export function makeVerdict({ view, tables, rmp }: Exec) {
  const checksFills = rmp !== null;
  const regionIsChecked = [rmp?.checksReads === true, checksFills];

  const verdict = (
    m: State,
    iova: number,
    pfn: number,
    leafHuge: number,
    trusted: number,
    isPrivate: number,
    write: number,
    checked: number,
  ): number => {
    /* a hypervisor-type access through a 2M leaf: no RMP entry of the whole region may be assigned */
    if (regionIsChecked[write] && checked === 0 && leafHuge === 1 && isPrivate === 0)
      if (view.blockHasGuestPage(m, pfn)) return FAULT;
    return (checked === 1 ? tables.unchecked : tables.checked)[
      view.verdictIndex(view.pageClass(m, pfn, iova), leafHuge, trusted, isPrivate, write)
    ];
  };
  /** The RMP check that goes with an IOTLB fill; elsewhere nothing is checked at that point. */
  const mayFill = (
    m: State,
    iova: number,
    pfn: number,
    leafHuge: number,
    trusted: number,
    isPrivate: number,
    write = 1,
  ): boolean => !checksFills || verdict(m, iova, pfn, leafHuge, trusted, isPrivate, write, 0) !== FAULT;
  return { verdict, mayFill };
}
