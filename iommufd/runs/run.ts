// Runs a sequence of plain data on a variant of the functions: what each operation returned, and every breach.

import { prepare, run } from './operations.ts';
import type { OpData, SequenceData } from '../arbitraries/sequence.ts';
import { iommufd_access_change_ioas, iommufd_access_unpin_pages } from '../model/access.ts';
import type { Functions } from '../model/functions.ts';
import { IOMMU_CACHE, IOMMU_MMIO } from '../model/iommu.ts';
import { iotlb_check } from '../model/iotlb.ts';
import { KernelOops, PAGE_SIZE, errnoName, note } from '../model/kernel.ts';
import { LINUX_7_2 } from '../model/linux-7.2.ts';
import { leavesOf } from '../model/pt-table.ts';
import { iopt_destroy_table, iopt_table_remove_domain } from '../model/table.ts';
import { iopt_unmap_all } from '../model/unmap.ts';
import { judgeGmem } from './guest.ts';
import { type Violation, judge, violationOf } from '../spec/invariants.ts';
import { snapshot } from './snapshot.ts';
import { type World, worldOf } from './world.ts';

export interface Outcome {
  /** What each operation returned, by errno name; `-` where it had nothing to act on. */
  readonly results: readonly string[];
  readonly violations: readonly Violation[];
  readonly oops: boolean;
}

const UNDONE: readonly OpData['op'][] = ['map', 'copy', 'attach', 'pin', 'cut', 'change_process'];

function judgeMmio(world: World): void {
  for (const iopt of world.iopts)
    for (const domain of iopt.domains)
      for (const leaf of leavesOf(domain))
        if (
          leaf.oa >= world.files.dmabuf.mmio * PAGE_SIZE &&
          ((leaf.prot & IOMMU_MMIO) === 0 || (leaf.prot & IOMMU_CACHE) !== 0)
        )
          note(
            world.k,
            'mmio-mapped-as-memory',
            'batch_to_domain',
            `iova ${leaf.iova} of domain ${domain.id}`,
          );
}

function step(world: World, op: OpData, n: number, violations: Violation[]): string {
  const { k } = world;
  const refused = prepare(world, op);
  if (refused !== 0) return errnoName(refused);
  const before = UNDONE.includes(op.op) ? snapshot(world) : null;
  k.fail = 'fail' in op ? op.fail : 0;
  k.failPoints = 0;
  const rc = run(world, op);
  k.fail = 0;
  if (rc !== 0 && before !== null) {
    const after = snapshot(world);
    if (after !== before) note(k, 'not-undone', op.op, `${errnoName(rc)}: ${firstDifference(before, after)}`);
  }
  judgeMmio(world);
  judgeGmem(world, op.op);
  for (const domain of k.domains) iotlb_check(k, domain, op.op);
  violations.push(...k.findings.map((finding) => violationOf(finding, n)), ...judge(world, n));
  k.findings.length = 0;
  return errnoName(rc);
}

function firstDifference(before: string, after: string): string {
  const was = before.split('\n');
  const is = after.split('\n');
  const at = is.findIndex((line, i) => line !== was[i]);
  return `"${was[at] ?? ''}" is now "${is[at] ?? ''}"`;
}

/** In the end everything is taken away, and nothing may be left. */
function tearDown(world: World, n: number, violations: Violation[]): void {
  const { k } = world;
  for (const iopt of world.iopts) {
    for (const taken of world.pins.filter((each) => each.access.ioas === iopt)) {
      world.pins.splice(world.pins.indexOf(taken), 1);
      iommufd_access_unpin_pages(k, taken.access, taken);
    }
    for (const { external, internal } of world.accesses)
      for (const access of [external, internal])
        if (access.ioas === iopt) iommufd_access_change_ioas(k, access, null);
    iopt_unmap_all(k, iopt);
    while (iopt.domains.length > 0) iopt_table_remove_domain(k, iopt, iopt.domains[0]);
    iopt_destroy_table(k, iopt);
  }
  violations.push(...k.findings.map((finding) => violationOf(finding, n)), ...judge(world, n));
  k.findings.length = 0;
}

export function runSequence(data: SequenceData, fn: Functions = LINUX_7_2): Outcome {
  const world = worldOf(data.world, fn);
  const results: string[] = [];
  const violations: Violation[] = [];
  let n = -1;
  try {
    for (let i = 0; i < data.world.attached; i++) run(world, { op: 'attach', ioas: 0, fail: 0 });
    for (n = 0; n < data.ops.length; n++) results.push(step(world, data.ops[n], n, violations));
    tearDown(world, n, violations);
    return { results, violations, oops: false };
  } catch (error) {
    if (!(error instanceof KernelOops)) throw error;
    violations.push(...world.k.findings.map((finding) => violationOf(finding, n)));
    return { results: [...results, 'oops'], violations, oops: true };
  }
}
