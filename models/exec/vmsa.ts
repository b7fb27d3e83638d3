// VMSAs that live in pages of the guest: a raw pfn in the VMCB, the gpa that invalidations look for, a request.

import type { Exec, State } from './context.ts';

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
