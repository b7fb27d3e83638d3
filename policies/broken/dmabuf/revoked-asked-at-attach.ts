// Linux 7.2, broken: the exporter looks at priv->revoked when the dma-buf is attached, under no lock, and not again.

import { vfio_pci_dma_buf_iommufd_map_unasked } from '../../../api/faulty.ts';
import { type Policy } from '../../../api/index.ts';
import { none } from '../../none.ts';
import { withDmabuf } from './settings.ts';

export const revokedAskedAtAttach: Policy = {
  ...none,
  name: 'revoked-asked-at-attach',
  title: 'planted in Linux 7.2: vfio_pci_dma_buf_iommufd_map() does not ask whether the dma-buf is revoked',
  source: 'vfio_pci_dma_buf_iommufd_map(): priv->revoked is -ENODEV, under dma_resv',
  base: 'linux-7.2',
  planted: {
    ...withDmabuf,
    invariant: 'no-access-after-revoke',
    fault:
      'The revoke comes between the attach and the second section of dma_resv, and tells nobody afterwards.',
  },
  dmabuf: { vfio_pci_dma_buf_iommufd_map: vfio_pci_dma_buf_iommufd_map_unasked },
};
