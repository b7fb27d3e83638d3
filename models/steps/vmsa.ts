// VMSAs that live in pages of the guest: a raw pfn in the VMCB, the gpa that invalidations look for, a request.

import type { Exec, State } from './context.ts';
import { ANYTHING, BRACKET, PLAIN, type Rows, SEQ_READ, pagesOrNone } from './row.ts';
import { gfn, truth } from './words.ts';

export type Vmsa = ReturnType<typeof makeVmsa>;

export function makeVmsa({ machine, note }: Exec, isStale: (m: State, gfn: number, seq: number) => boolean) {
  const { at, vcpus, threads } = machine;
  const { vmsa_pa, vmsa_gpa, vmsa_reload } = at;
  const firstVcpu = threads.findIndex((t) => t.kind === 'vcpu');

  return {
    clear: (m: State, thread: number): number => {
      m[vmsa_pa + thread - firstVcpu] = m[vmsa_gpa + thread - firstVcpu] = 0;
      return 0;
    },
    publish: (m: State, thread: number, gfn: number): number => {
      m[vmsa_gpa + thread - firstVcpu] = gfn + 1;
      return 0;
    },
    /* MODEL: the guest has made the page a VMSA (RMPADJUST); of a page that is not assigned VMRUN takes none. */
    install: (m: State, thread: number, pfn: number): number => {
      if (m[at.rmp_assigned + pfn] === 0) return 0;
      m[vmsa_pa + thread - firstVcpu] = pfn + 1;
      note('vmsa-installed');
      return 0;
    },
    request: (m: State, thread: number): number => {
      m[vmsa_reload + thread - firstVcpu] = 1;
      return 0;
    },
    /** Takes the request: gfn + 1 to reload from, 0 for none. */
    check: (m: State, thread: number): number => {
      const v = thread - firstVcpu;
      if (m[vmsa_reload + v] === 0) return 0;
      m[vmsa_reload + v] = 0;
      /* not entered before __sev_snp_reload_vmsa() has made it invalid */
      m[vmsa_pa + v] = 0;
      return m[vmsa_gpa + v];
    },
    retry: (m: State, seq: number, gfn: number): number => (isStale(m, gfn, seq) ? 1 : 0),
    /** sev_gmem_invalidate_range(): request and kick each vCPU whose VMSA is in the range. */
    invalidate: (m: State, start: number, end: number): number => {
      if (vmsa_gpa === undefined) return 0;
      for (let v = 0; v < vcpus; v++) {
        const gfn = m[vmsa_gpa + v] - 1;
        if (gfn < start || gfn >= end) continue;
        m[vmsa_reload + v] = 1;
        note('vmsa-invalidated');
      }
      return 0;
    },
  };
}

export const VMSA_STEPS = {
  vmsa_clear: {
    ...PLAIN,
    words: () => ['vmsa_pa and snp_guest_vmsa_gpa = INVALID_PAGE'],
    touches: ANYTHING,
    run: ({ vmsa }, _s, m, t) => vmsa.clear(m, t),
  },
  vmsa_publish_gpa: {
    ...PLAIN,
    words: (s) => [`snp_guest_vmsa_gpa = gfn ${s.index}`],
    touches: ANYTHING,
    run: ({ vmsa }, s, m, t) => vmsa.publish(m, t, s.index),
  },
  vmsa_install: {
    ...PLAIN,
    words: (s) => [`vmcb->control.vmsa_pa = pfn ${s.pfn}`],
    touches: ANYTHING,
    run: ({ vmsa }, s, m, t) => vmsa.install(m, t, s.pfn),
  },
  vmsa_request_reload: {
    ...PLAIN,
    words: () => ['kvm_make_request(KVM_REQ_VMSA_PAGE_RELOAD)'],
    touches: ANYTHING,
    run: ({ vmsa }, _s, m, t) => vmsa.request(m, t),
  },
  kvm_check_vmsa_request: {
    ...PLAIN,
    words: () => ['kvm_check_request(KVM_REQ_VMSA_PAGE_RELOAD)', (a) => (a === 0 ? 'none' : `gfn ${a - 1}`)],
    answers: pagesOrNone,
    touches: ANYTHING,
    run: ({ vmsa }, _s, m, t) => vmsa.check(m, t),
  },
  mmu_invalidate_retry_gfn: {
    ...PLAIN,
    words: (s) => [`mmu_invalidate_retry_gfn() seq ${s.seq}, gfn ${s.index}`, truth],
    touches: BRACKET | SEQ_READ,
    run: ({ vmsa }, s, m) => vmsa.retry(m, s.seq, s.index),
  },
  kvm_arch_gmem_invalidate_range: {
    ...PLAIN,
    words: (s) => [`kvm_arch_gmem_invalidate_range() ${gfn(s)}`],
    touches: 0,
    run: ({ vmsa }, s, m) => vmsa.invalidate(m, s.start, s.end),
  },
} satisfies Rows<{ readonly vmsa: Vmsa }>;
