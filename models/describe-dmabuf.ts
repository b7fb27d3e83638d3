// Words for the steps of a dma-buf (cast `dmabuf`).

import { either, pfnOr, subranges, truth } from './describe-words.ts';

type Words = readonly [text: string, answer?: (answer: number) => string];
interface AtIova {
  readonly iova: number;
}
const of = (s: AtIova): string => `of the area at iova ${s.iova}`;

export const DMABUF_WORDS = {
  vfio_pci_dma_buf_attach: (): Words => ['vfio_pci_dma_buf_attach()', either('-ENODEV', '')],
  dma_buf_dynamic_attach: (): Words => ['list_add(&attach->node, &dmabuf->attachments)'],
  dma_buf_detach: (): Words => ['dma_buf_detach()'],
  vfio_pci_dma_buf_iommufd_map: (): Words => ['vfio_pci_dma_buf_iommufd_map()', either('-ENODEV', '')],
  iopt_is_dmabuf: (s: AtIova): Words => [`iopt_is_dmabuf() ${of(s)}`, truth],
  iopt_dmabuf_phys: (s: AtIova): Words => [`read pages->dmabuf.phys ${of(s)}`, pfnOr('len 0, revoked')],
  iopt_dmabuf_tracker: (s: AtIova): Words => [
    `pages->dmabuf.tracker ${of(s)}`,
    either('empty', 'the domain'),
  ],
  iopt_dmabuf_track_domain: (s: AtIova): Words => [`iopt_dmabuf_track_domain() ${of(s)}`],
  iopt_dmabuf_untrack_domain: (s: AtIova): Words => [`iopt_dmabuf_untrack_domain() ${of(s)}`],
  iopt_dmabuf_set_revoked: (s: AtIova): Words => [`pages->dmabuf.phys.len = 0 ${of(s)}`],
  dma_buf_attachments: (): Words => [
    'dmabuf->attachments',
    (a) => (a === 0 ? 'no area' : `iova ${subranges(a, 0)}`),
  ],
  dma_buf_revoked: (): Words => ['read priv->revoked', truth],
  dma_buf_set_revoked: (s: { readonly revoked: boolean }): Words => [`priv->revoked = ${s.revoked}`],
  vfio_pci_set_power_state: (s: { readonly state: string }): Words => [
    `vfio_pci_set_power_state(${s.state}): the memory is ${s.state === 'PCI_D0' ? 'back' : 'gone'}`,
  ],
};
