// Words for the steps of a conversion, and for those that only some runs have: with a failure, of memory as well, with
// a user thread of the host.

import type { Step } from '../api/index.ts';
import { either, index, pfnOr, poisoned, subranges, truth } from './describe-words.ts';

type Words = readonly [text: string, answer?: (answer: number) => string];
interface AtIndex {
  readonly index: number;
}
interface AtRange {
  readonly start: number;
  readonly end: number;
}
interface AtPfn {
  readonly pfn: number;
}

export const HOST_WORDS = {
  compute_work: (s: AtRange & { readonly to: string }): Words => [
    `kvm_gmem_convert_compute_work() ${index(s)} to ${s.to}`,
    (a) => (a >> 1 === 0 ? 'nothing to do' : subranges(a >> 1, s.start)),
  ],
  kvm_gmem_has_some_shared: (s: AtRange): Words => [`kvm_gmem_has_some_shared() ${index(s)}`, truth],
  split_folio: (s: AtIndex): Words => [
    `split_folio() index ${s.index}`,
    (a) => ['not huge', 'split', 'busy', '-ENOMEM'][a] ?? '',
  ],
  merge_folio: (s: AtIndex): Words => [
    `merge_folio() index ${s.index}`,
    (a) => ['nothing to merge', 'merged', 'busy', '-ENOMEM'][a] ?? '',
  ],
  fails: (s: { readonly step: string }): Words => [
    s.step === 'signal_pending' ? 'signal_pending()' : `${s.step}()`,
    either('', 'fails'),
  ],
  convert_returns: (s: Extract<Step, { op: 'convert_returns' }>): Words => [
    `the conversion of ${index(s)} to ${s.to} ${s.failed ? 'has failed' : 'is done'}`,
  ],
  launch_finished: (): Words => ['the launch is finished', truth],
  launch_finish: (): Words => ['the launch is finished, vCPUs may run'],
  snp_lookup_rmpentry: (s: AtPfn): Words => [
    `snp_lookup_rmpentry() pfn ${s.pfn}`,
    either('not assigned', 'assigned'),
  ],
  copy_to_page: (s: AtPfn): Words => [`memcpy() of the initial image to pfn ${s.pfn}`],
  folio_test_uptodate: (s: AtPfn): Words => [`folio_test_uptodate() pfn ${s.pfn}`, truth],
  folio_mark_uptodate: (s: AtPfn): Words => [`folio_mark_uptodate() pfn ${s.pfn}`],
  snp_launch_update: (s: AtPfn & AtIndex): Words => [
    `SNP_LAUNCH_UPDATE pfn ${s.pfn}, gfn ${s.index}`,
    either('refused', ''),
  ],
  tdh_mr_extend: (s: AtIndex): Words => [`TDH.MR.EXTEND gfn ${s.index}`, either('no leaf', '')],
  tdh_mem_page_add: (s: AtPfn & AtIndex): Words => [
    `TDH.MEM.PAGE.ADD gfn ${s.index} -> pfn ${s.pfn}`,
    either('refused', ''),
  ],
  set_hwpoison: (s: AtIndex): Words => [`TestSetPageHWPoison() index ${s.index}`, poisoned],
  read_host_pte: (s: AtIndex): Words => [`ptep_get_lockless() index ${s.index}`, pfnOr('none')],
  xas_load: (s: AtIndex): Words => [`xas_load() index ${s.index}`, pfnOr('none')],
  folio_try_get: (s: AtPfn): Words => [`folio_try_get() pfn ${s.pfn}`, either('free', '')],
  folio_put_tried: (s: AtPfn): Words => [`folio_put() pfn ${s.pfn}`],
  folio_lock: (s: AtPfn): Words => [`folio_lock() pfn ${s.pfn}`],
  keep_pin: (s: AtPfn): Words => [`GUP: pfn ${s.pfn} is pinned`],
  unpin_user_page: (): Words => ['unpin_user_page()'],
  kernel_write: (): Words => ['the kernel writes to the page that is pinned'],
  index_wraps: (s: AtIndex): Words => [`the unsigned index of the loop wraps below ${s.index}`],
  loops_for_ever: (): Words => ['the loop goes on'],
} as const satisfies { readonly [name in Step['op']]?: (step: never) => Words };
