// No IOMMU consumer at all: what the base does by itself. Findings here are findings on the base.

import type { Policy } from '../api/index.ts';

export const none: Policy = {
  name: 'none',
  title: 'none (no IOMMU consumer)',
  source: 'Linux 7.2: virt/kvm/guest_memfd.c has no hook for the IOMMU',
  base: 'rfc-v2',
};
