// drivers/vfio/pci/vfio_pci_dmabuf.c: the exporter of a BAR as a dma-buf, which takes it back and gives it out again.

import {
  type DmabufParts,
  type Result,
  type Steps,
  call,
  dma_buf_revoked,
  dma_buf_set_revoked,
  lock,
  unlock,
  vfio_pci_set_power_state,
} from '../api/index.ts';

export function makeExporter({ dma_buf_attachments, iopt_revoke_notify }: DmabufParts) {
  function* dma_buf_invalidate_mappings(): Steps<void> {
    for (const iova of yield* dma_buf_attachments())
      yield* call(iopt_revoke_notify, { start: iova, end: iova + 1 });
  }
  /** Under memory_lock. A dma-buf that is what it is to become already is left alone. */
  function* vfio_pci_dma_buf_move(revoked: boolean): Steps<void> {
    if ((yield* dma_buf_revoked()) === revoked) return;
    yield* lock('dma_resv');
    if (revoked) yield* dma_buf_set_revoked(true);
    yield* call(dma_buf_invalidate_mappings);
    yield* unlock('dma_resv');
    if (revoked) return;
    yield* lock('dma_resv');
    yield* dma_buf_set_revoked(false);
    yield* unlock('dma_resv');
  }
  // MODEL: of the callers of vfio_pci_dma_buf_move() this one: a write to PCI_PM_CTRL; reset, PCI_COMMAND and close go
  // the same way.
  const vfio_lock_and_set_power_state = (state: 'PCI_D0' | 'PCI_D3hot') =>
    function* vfio_lock_and_set_power_state(): Steps<Result> {
      yield* lock('memory_lock');
      if (state === 'PCI_D3hot') yield* call(vfio_pci_dma_buf_move, true);
      yield* vfio_pci_set_power_state(state);
      if (state === 'PCI_D0') yield* call(vfio_pci_dma_buf_move, false);
      yield* unlock('memory_lock');
      return 0;
    };
  return {
    revoke: vfio_lock_and_set_power_state('PCI_D3hot'),
    unrevoke: vfio_lock_and_set_power_state('PCI_D0'),
  };
}
