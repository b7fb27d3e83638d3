// Each call of uapi/model with its table and its arguments.

import fc from 'fast-check';
import type { BaseName } from '../api/index.ts';
import type { Case } from './arbitraries/contexts.ts';
import {
  attributes2Cases,
  attributesCases,
  convertCases,
  createCases,
  fallocateCases,
  faultCases,
  guestFaultCases,
  memoryRegionCases,
  mmapCases,
  preFaultCases,
  snpCases,
  tdxCases,
} from './arbitraries/calls.ts';
import type { Context, Outcome } from './model/context.ts';
import * as convertRange from './model/convert-range.ts';
import { kvm_vm_ioctl_create_guest_memfd } from './model/create.ts';
import { ksys_fallocate } from './model/fallocate.ts';
import { kvm_gmem_fault } from './model/fault.ts';
import { kvm_vcpu_run_fault } from './model/get-pfn.ts';
import { kvm_vm_ioctl_set_memory_region } from './model/memory-region.ts';
import { sys_mmap } from './model/mmap.ts';
import { kvm_vcpu_ioctl_pre_fault_memory } from './model/pre-fault.ts';
import { kvm_vm_ioctl_set_memory_attributes } from './model/set-memory-attributes.ts';
import * as setAttributes2 from './model/set-memory-attributes2.ts';
import { snp_launch_update } from './model/snp-launch-update.ts';
import { tdx_vcpu_init_mem_region } from './model/tdx-init-mem-region.ts';
import { attributes2Table, attributesTable, convertTable } from './spec/conversions.ts';
import { createTable, fallocateTable, faultTable, mmapTable } from './spec/files.ts';
import { guestFaultTable, preFaultTable } from './spec/guest.ts';
import { snpTable, tdxTable } from './spec/launch.ts';
import { memoryRegionTable } from './spec/memory-region.ts';
import { showCase } from './show.ts';
import { type Table, breach, rowsThatHold } from './spec/table.ts';

export type Call<A> = (ctx: Context, args: A) => Outcome;

interface Entry<A> {
  readonly table: Table<A>;
  readonly cases: (base: BaseName) => fc.Arbitrary<Case<A>>;
  readonly call: Call<A>;
}

/** What a campaign of generated arguments has seen of one call on one base. */
export interface Campaign {
  /** The smallest breach that fast-check came to, with its example; or null. */
  readonly breach: string | null;
  /** By row: how often it decided. */
  readonly hits: readonly number[];
  /** Runs in which a row with another errno held as well, so that the order decided. */
  readonly ordered: number;
}

/** A call that is judged by its table; `judged` may be another one, a planted fault. */
export interface Judged {
  readonly name: string;
  readonly table: Table<never>;
  readonly run: (base: BaseName, seed: number, runs: number) => Campaign;
}

export function judge<A>({ table, cases, call }: Entry<A>): Judged {
  const run = (base: BaseName, seed: number, runs: number): Campaign => {
    const hits = table.rows.map(() => 0);
    let ordered = 0;
    const property = fc.property(cases(base), ({ ctx, args }) => {
      const holding = rowsThatHold(table, ctx, args);
      const found = breach(table, base, holding, call(ctx, args));
      hits[holding[0]]++;
      const errnos = new Set(holding.slice(0, -1).map((number) => table.rows[number].ret[base]));
      if (errnos.size > 1) ordered++;
      if (found !== null) throw new Error(found);
    });
    const details = fc.check(property, { seed, numRuns: runs, endOnFailure: false });
    if (details.counterexample === null) return { breach: null, hits, ordered };
    const [example] = details.counterexample;
    const message = details.errorInstance instanceof Error ? details.errorInstance.message : 'not an Error';
    return { breach: `${message}\n${showCase(example)}`, hits, ordered };
  };
  return { name: table.call, table, run };
}

export const entries = {
  create: { table: createTable, cases: createCases, call: kvm_vm_ioctl_create_guest_memfd },
  fallocate: { table: fallocateTable, cases: fallocateCases, call: (ctx, args) => ksys_fallocate(ctx, args) },
  mmap: { table: mmapTable, cases: mmapCases, call: (ctx, args) => sys_mmap(ctx, args) },
  fault: { table: faultTable, cases: faultCases, call: (ctx, args) => kvm_gmem_fault(ctx, args) },
  attributes: { table: attributesTable, cases: attributesCases, call: kvm_vm_ioctl_set_memory_attributes },
  convert: {
    table: convertTable,
    cases: convertCases,
    call: (ctx, args) => convertRange.kvm_gmem_ioctl(ctx, args),
  },
  attributes2: {
    table: attributes2Table,
    cases: attributes2Cases,
    call: (ctx, args) => setAttributes2.kvm_gmem_ioctl(ctx, args),
  },
  memoryRegion: {
    table: memoryRegionTable,
    cases: memoryRegionCases,
    call: (ctx, args) => kvm_vm_ioctl_set_memory_region(ctx, args),
  },
  guestFault: { table: guestFaultTable, cases: guestFaultCases, call: kvm_vcpu_run_fault },
  preFault: { table: preFaultTable, cases: preFaultCases, call: kvm_vcpu_ioctl_pre_fault_memory },
  snp: { table: snpTable, cases: snpCases, call: snp_launch_update },
  tdx: { table: tdxTable, cases: tdxCases, call: tdx_vcpu_init_mem_region },
} satisfies {
  create: Entry<Parameters<typeof kvm_vm_ioctl_create_guest_memfd>[1]>;
  fallocate: Entry<Parameters<typeof ksys_fallocate>[1]>;
  mmap: Entry<Parameters<typeof sys_mmap>[1]>;
  fault: Entry<Parameters<typeof kvm_gmem_fault>[1]>;
  attributes: Entry<Parameters<typeof kvm_vm_ioctl_set_memory_attributes>[1]>;
  convert: Entry<convertRange.ConvertArgs>;
  attributes2: Entry<setAttributes2.Attributes2Args>;
  memoryRegion: Entry<Parameters<typeof kvm_vm_ioctl_set_memory_region>[1]>;
  guestFault: Entry<Parameters<typeof kvm_vcpu_run_fault>[1]>;
  preFault: Entry<Parameters<typeof kvm_vcpu_ioctl_pre_fault_memory>[1]>;
  snp: Entry<Parameters<typeof snp_launch_update>[1]>;
  tdx: Entry<Parameters<typeof tdx_vcpu_init_mem_region>[1]>;
};

export const CALLS: readonly Judged[] = [
  judge(entries.create),
  judge(entries.fallocate),
  judge(entries.mmap),
  judge(entries.fault),
  judge(entries.attributes),
  judge(entries.convert),
  judge(entries.attributes2),
  judge(entries.memoryRegion),
  judge(entries.guestFault),
  judge(entries.preFault),
  judge(entries.snp),
  judge(entries.tdx),
];
