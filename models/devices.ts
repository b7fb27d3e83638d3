// One DMA: translate, then commit; in between it is in flight.

import { type Result, type Steps, dma_commit, dma_translate } from '../api/index.ts';

/**
 * `honest`: the driver in the guest issues it only where it thinks the page is of this kind and no change is
 * going on.
 */
export function makeDma(
  stream: { readonly trusted: boolean; readonly private: boolean },
  write: boolean,
  honest: boolean,
) {
  return function* dma(iova: number): Steps<Result> {
    if (yield* dma_translate(iova, write, stream.trusted, stream.private, honest)) yield* dma_commit();
    return 0;
  };
}
