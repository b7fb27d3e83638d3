// The device TLB of an untrusted device with ATS: it asks for translations, keeps them, and uses them without
// asking again until the IOMMU driver has invalidated them there as well.

import type { Exec, State } from './context.ts';

export type Ats = ReturnType<typeof makeAts>;

/** How far the invalidation of a thread still has to go. */
export const ORDER = { iotlbFirst: 0, deviceFirst: 1, iotlbOnly: 2 } as const;

/*
 * MODEL: every device has ATS where one has it; PRI is absent; on TDX only the shared half goes through it. A
 * completed invalidation has waited for the device's translated requests, as with the IOTLB.
 */
export function makeAts(exec: Exec) {
  const { machine, note } = exec;
  const { maps_private } = exec.platform.arch;
  const { at, pages, huge, devices, config } = machine;
  const on = config.ats === true;
  const { device_tlb, device_tlb_huge, device_tlb_private } = at;
  const slotOf = (device: number, iova: number): number => device * pages + iova;
  const spanOf = (isHuge: boolean, iova: number): readonly [number, number] =>
    isHuge ? [iova - (iova % huge), iova - (iova % huge) + huge] : [iova, iova + 1];

  return {
    on,
    /** Slot of the entry that such an access uses, or -1. */
    lookup: (m: State, device: number, iova: number, isPrivate: number): number => {
      const slot = slotOf(device, iova);
      return on && m[device_tlb + slot] !== 0 && (!maps_private || m[device_tlb_private + slot] === isPrivate)
        ? slot
        : -1;
    },
    fill: (
      m: State,
      device: number,
      iova: number,
      pfn: number,
      leafHuge: number,
      isPrivate: number,
    ): void => {
      if (!on) return;
      const [first, last] = spanOf(leafHuge === 1, iova);
      for (let i = first; i < last; i++) {
        const slot = slotOf(device, i);
        m[device_tlb + slot] = pfn + 1 + i - iova;
        m[device_tlb_huge + slot] = leafHuge;
        if (maps_private) m[device_tlb_private + slot] = isPrivate;
      }
      note('device-tlb-filled');
    },
    isCached: (m: State, device: number, iova: number): boolean => m[device_tlb + slotOf(device, iova)] !== 0,
    /** INVALIDATE_IOTLB_PAGES, one for each device. */
    drop: (m: State, mask: number): void => {
      for (let k = 0; k < devices * pages; k++) {
        const iova = k % pages;
        if (((mask >> iova) & 1) === 0 || m[device_tlb + k] === 0) continue;
        note('device-tlb-entry-dropped');
        const [first, last] = spanOf(m[device_tlb_huge + k] === 1, iova);
        for (let i = k - iova + first; i < k - iova + last; i++) {
          m[device_tlb + i] = m[device_tlb_huge + i] = 0;
          if (maps_private) m[device_tlb_private + i] = 0;
        }
      }
    },
  };
}
