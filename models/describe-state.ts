// Words for states: named facts, each made of the fields that belong together, and what differs between two
// states.
// The names are those that the witnesses in properties/spec use.

import {
  type Fact,
  deviceTlbFacts,
  dmabufFacts,
  dmaFacts,
  range,
  showMask,
  translations,
} from './describe-iommu.ts';
import { AREA_NAMES, CONTENT_NAMES, type Machine, OWNER, OWNER_NAMES, inPlace } from './machine.ts';
import { platformOf } from './platforms/index.ts';
import type { FieldChange } from './results.ts';
import type { MachineState } from './view.ts';

const pfnOrNone = (n: number): string => (n === 0 ? 'none' : `pfn ${n - 1}`);
const FILE_NAMES = ['released', 'held by calls or areas, fd closed', 'open'];
const SLOT_NAMES = ['none', 'valid', 'invalid', 'deleted'];
function cpuFacts(machine: Machine): Fact[] {
  const { at, pages, vcpus, config } = machine;
  const spte = (gfn: number): Fact => ({
    field: `SPTE[gfn ${gfn}]`,
    slots: [at.spte_shared + gfn, at.spte_private + gfn],
    value: (m) => {
      const parts = [
        m[at.spte_shared + gfn] === 0 ? '' : `pfn ${m[at.spte_shared + gfn] - 1}, shared`,
        m[at.spte_private + gfn] === 0 ? '' : `pfn ${m[at.spte_private + gfn] - 1}, private`,
      ].filter((part) => part !== '');
      return parts.length === 0 ? 'none' : parts.join('; ');
    },
  });
  const tlb = (k: number): Fact => ({
    field: `TLB[gfn ${k % pages}] of vCPU ${Math.floor(k / pages)}`,
    slots: [at.tlb + k, at.tlb_private + k],
    value: (m) =>
      m[at.tlb + k] === 0
        ? 'none'
        : `pfn ${m[at.tlb + k] - 1}, ${m[at.tlb_private + k] === 1 ? 'private' : 'shared'}`,
  });
  const hostPte = (index: number): Fact => ({
    field: `host PTE[index ${index}]`,
    slots: [at.host_pte + index],
    value: (m) => (m[at.host_pte + index] === 0 ? 'none' : `pfn ${m[at.host_pte + index] - 1}`),
  });
  const vmsa = (v: number): Fact => ({
    field: `VMSA of vCPU ${v}`,
    slots: [at.vmsa_pa + v, at.vmsa_gpa + v, at.vmsa_reload + v],
    value: (m) => {
      const where = m[at.vmsa_pa + v] === 0 ? 'none' : `pfn ${m[at.vmsa_pa + v] - 1}`;
      const watched = m[at.vmsa_gpa + v] === 0 ? '' : `, gfn ${m[at.vmsa_gpa + v] - 1}`;
      return `${where}${watched}${m[at.vmsa_reload + v] === 1 ? ', to be reloaded' : ''}`;
    },
  });
  return [
    ...(at.vmsa_pa === undefined ? [] : range(vcpus).map(vmsa)),
    ...range(pages).map(spte),
    ...range(vcpus * pages).map(tlb),
    ...(inPlace(config) ? range(pages).map(hostPte) : []),
  ];
}

function pageFacts(machine: Machine): Fact[] {
  const { at, pages, pfns, pool, device_memory } = machine;
  const device: Fact = {
    field: `pfn ${device_memory}`,
    slots: [at.dmabuf_taken],
    value: (m) => `device memory${m[at.dmabuf_taken] === 1 ? ', taken back' : ''}`,
  };
  const indexAt = (m: MachineState, pfn: number): number =>
    range(pages).findIndex((index) => m[at.page_cache + index] === pfn + 1);
  const owner = (pfn: number): Fact => ({
    field: `pfn ${pfn}`,
    slots: [at.owner + pfn],
    value: (m) => {
      if (m[at.owner + pfn] === OWNER.free && pfn < pool && m[at.hwpoison + pfn] === 1)
        return "poisoned, and nobody's";
      if (m[at.owner + pfn] !== OWNER.gmem) return OWNER_NAMES[m[at.owner + pfn]] ?? 'unknown';
      const index = indexAt(m, pfn);
      return index < 0 ? 'gmem, out of the page cache' : `gmem index ${index}`;
    },
  });
  const content = (pfn: number): Fact => ({
    field: `content of pfn ${pfn}`,
    slots: [at.content + pfn],
    value: (m) => CONTENT_NAMES[m[at.content + pfn]] ?? 'unknown',
  });
  const named =
    (name: string, part: string, off: string, on: string) =>
    (pfn: number): Fact => ({
      field: `${name} of pfn ${pfn}`,
      slots: [at[part] + pfn],
      value: (m) => (m[at[part] + pfn] === 0 ? off : on),
    });
  const pins = (pfn: number): Fact => ({
    field: `pins of pfn ${pfn}`,
    slots: [at.pins + pfn],
    value: (m) => String(m[at.pins + pfn]),
  });
  return [
    ...range(pfns).map((pfn) => (pfn === device_memory ? device : owner(pfn))),
    ...range(pfns).map(content),
    ...range(pool).map(named('folio', 'huge_folio', '4K', '2M')),
    ...range(pool).map(named('hwpoison', 'hwpoison', 'clear', 'set')),
    ...(at.lru_add === undefined ? [] : range(pool).map(named('LRU batch', 'lru_add', 'none', 'holds it'))),
    ...range(pool).map(pins),
  ];
}

function indexFacts(machine: Machine): Fact[] {
  const { at, pages } = machine;
  return range(pages).map((index) => ({
    field: `index ${index}`,
    slots: [at.private + index, at.page_cache + index],
    value: (m) => {
      const pfn = m[at.page_cache + index] - 1;
      return `${m[at.private + index] === 1 ? 'private' : 'shared'}, ${pfn < 0 ? 'not allocated' : `pfn ${pfn}`}`;
    },
  }));
}

function otherFacts(machine: Machine): Fact[] {
  const { at, pages, threads, registerAt } = machine;
  const bracket = (field: string, count: string, mask: string, space: string): Fact => ({
    field,
    slots: [at[count], at[mask]],
    value: (m) => (m[at[count]] === 0 ? '0' : `${m[at[count]]}, ${showMask(m[at[mask]], space)}`),
  });
  const single = (field: string, slot: number, value: (n: number) => string): Fact => ({
    field,
    slots: [slot],
    value: (m) => value(m[slot]),
  });
  return [
    bracket('gmem in_progress', 'gmem_in_progress', 'gmem_range', 'index'),
    bracket('mmu_invalidate_in_progress', 'mmu_invalidate_in_progress', 'mmu_invalidate_range', 'gfn'),
    ...range(pages).map((page) =>
      single(`area[iova ${page}]`, at.area + page, (n) => AREA_NAMES[n] ?? 'unknown'),
    ),
    ...threads.map(({ name }, t) =>
      single(`invalidation queued by ${name}`, at.inv_queue + t, (n) => showMask(n, 'iova')),
    ),
    single('npinned', at.npinned, String),
    ...dmabufFacts(machine),
    ...(at.access_pfn === undefined
      ? []
      : range(machine.pages).flatMap((iova) => [
          single(`pinned by DRV[iova ${iova}]`, at.access_pfn + iova, pfnOrNone),
          single(`num_accesses[iova ${iova}]`, at.num_accesses + iova, String),
          single(`prevent_access[iova ${iova}]`, at.prevent_access + iova, String),
        ])),
    ...(at.host_pin === undefined ? [] : [single('pinned by HOST', at.host_pin, pfnOrNone)]),
    single('gmem file', at.file, (n) => FILE_NAMES[n] ?? 'unknown'),
    ...machine.memslots.flatMap(({ base_gfn }, k) => {
      const which = base_gfn === 0 ? '' : ` of gfn ${base_gfn}`;
      return [
        single(`slot${which}`, at.slot + k, (n) => SLOT_NAMES[n] ?? 'unknown'),
        single(`binding${which}`, at.slot_bound + k, (n) => (n === 1 ? 'to the slot' : 'none')),
        single(`slot->gmem.file${which}`, at.slot_gmem_file + k, (n) => (n === 1 ? 'the file' : 'NULL')),
      ];
    }),
    ...range(pages).map((gfn) =>
      single(`guest's change of gfn ${gfn}`, at.guest_changing + gfn, (n) => (n === 1 ? 'going on' : 'none')),
    ),
    single('host', at.host_dead, (n) => (n === 1 ? 'down' : 'up')),
    ...Object.entries(registerAt).flatMap(([name, { at: first, slots }]) =>
      range(slots).map((k) => single(`${name}[${k}]`, first + k, String)),
    ),
  ];
}

const known = new WeakMap<Machine, readonly Fact[]>();

function factsOf(machine: Machine): readonly Fact[] {
  const made = known.get(machine) ?? [
    ...translations(machine, 'IOPTE', 'iopte'),
    ...translations(machine, 'IOTLB', 'iotlb'),
    ...deviceTlbFacts(machine),
    ...dmaFacts(machine),
    ...cpuFacts(machine),
    ...platformOf(machine.config).facts(machine),
    ...pageFacts(machine),
    ...indexFacts(machine),
    ...otherFacts(machine),
  ];
  known.set(machine, made);
  return made;
}

const factOf = (machine: Machine, slot: number): Fact | undefined =>
  factsOf(machine).find((fact) => fact.slots.includes(slot));

/**
 * Name of what the slot is part of: `IOPTE[iova 0]`. Empty for what reports leave out: counters, locks,
 * places.
 */
export const fieldName = (machine: Machine, slot: number): string => factOf(machine, slot)?.field ?? '';

/** How the part of the state that the slot belongs to reads: `pfn 5, 4K`. */
export const describeField = (machine: Machine, slot: number, m: MachineState): string =>
  factOf(machine, slot)?.value(m) ?? '';

/** How each named part of the state reads. */
export function describeState(machine: Machine, m: MachineState): ReadonlyMap<string, string> {
  return new Map(factsOf(machine).map(({ field, value }) => [field, value(m)]));
}

/** What differs, slots that belong together as one; counters, locks and places left out. */
export function diffStates(machine: Machine, before: MachineState, after: MachineState): FieldChange[] {
  return factsOf(machine).flatMap(({ field, slots, value }) => {
    if (!field.startsWith('pfn ') && slots.every((slot) => before[slot] === after[slot])) return [];
    const [was, is] = [value(before), value(after)];
    return was === is ? [] : [{ field, before: was, after: is }];
  });
}

/** Locks that the thread holds, in the order in which they nest; read locks are said to be shared. */
export function locksHeld(machine: Machine, m: MachineState, thread: number): string[] {
  const { at, lockAt, pool, threads } = machine;
  const locks = machine.locks.flatMap((name) => {
    const { writer, readers } = lockAt[name];
    if (m[writer] === thread + 1) return [name];
    return ((m[readers] >> thread) & 1) === 1 ? [`${name} shared`] : [];
  });
  const folios = range(pool).filter((pfn) => m[at.folio_lock + pfn] === thread + 1);
  const vcpu = thread - threads.findIndex(({ kind }) => kind === 'vcpu');
  const srcu = threads[thread]?.kind === 'vcpu' && m[at.srcu + vcpu] === 1;
  return [...(srcu ? ['srcu'] : []), ...locks, ...folios.map((pfn) => `folio ${pfn}`)];
}
