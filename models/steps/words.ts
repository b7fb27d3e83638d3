// Words that descriptions of steps share: pfns, ranges, answers.

import { AREA_END_BITS, FOLIO_PFN_BITS, showRange } from '../../api/index.ts';

export const pfnOr =
  (none: string) =>
  (answer: number): string =>
    answer === 0 ? none : `pfn ${answer - 1}`;
export const either =
  (no: string, yes: string) =>
  (answer: number): string =>
    answer === 0 ? no : yes;
export const truth = either('false', 'true');
export const plural = (n: number, word: string): string => `${n} ${word}${n === 1 ? '' : 's'}`;
export const area = (answer: number): string =>
  showRange({ start: answer >> AREA_END_BITS, end: (answer & (2 ** AREA_END_BITS - 1)) + 1 });
export const areaOr =
  (none: string) =>
  (answer: number): string =>
    answer === 0 ? none : area(answer - 1);
export const poisoned = (answer: number): string => {
  if (answer === 0) return 'no page, or poisoned';
  const pages = answer >> FOLIO_PFN_BITS;
  return `${pages === 1 ? '' : 'a huge folio, '}pfn ${answer - (pages << FOLIO_PFN_BITS)}`;
};
/** Attributes and zaps of KVM go by gfn, those of guest_memfd by index. */
export const index = (step: { readonly start: number; readonly end: number }): string =>
  `index ${showRange(step)}`;
export const gfn = (step: { readonly start: number; readonly end: number }): string =>
  `gfn ${showRange(step)}`;
export const iova = (step: { readonly start: number; readonly end: number }): string =>
  `iova ${showRange(step)}`;
export const fault = (step: { readonly fault?: string }): string =>
  step.fault === undefined ? '' : `, ${step.fault}`;

/** The subranges whose bits are set, counted from `start`. */
export function subranges(bits: number, start: number): string {
  const found: string[] = [];
  for (let at = 0; bits >> at !== 0; at++) {
    if (((bits >> at) & 1) === 0) continue;
    const from = at;
    while (((bits >> (at + 1)) & 1) === 1) at++;
    found.push(showRange({ start: start + from, end: start + at + 1 }));
  }
  return found.join(', ');
}
