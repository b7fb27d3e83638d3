// The planted faults: one a file, each broken in one place, each naming the invariant that must catch it.

import type { Policy } from '../../api/index.ts';
import { noRecheck } from './no-recheck.ts';
import { recheckIgnoresSeq } from './recheck-ignores-seq.ts';
import { recheckIgnoresProgress } from './recheck-ignores-progress.ts';
import { recheckOutsideMutex } from './recheck-outside-mutex.ts';
import { snapshotAfterLookup } from './snapshot-after-lookup.ts';
import { attributeBeforeSnapshot } from './attribute-before-snapshot.ts';
import { retryKeepsPfn } from './retry-keeps-pfn.ts';
import { retryBecomesEbusy } from './retry-becomes-ebusy.ts';
import { mutexKeptOnRetry } from './mutex-kept-on-retry.ts';
import { attributeNotChecked } from './attribute-not-checked.ts';
import { privateTestInverted } from './private-test-inverted.ts';
import { referenceKept } from './reference-kept.ts';
import { referencePutTwice } from './reference-put-twice.ts';
import { pageNotCleared } from './page-not-cleared.ts';
import { clearedAfterMap } from './cleared-after-map.ts';
import { mutexAroundLookup } from './mutex-around-lookup.ts';
import { flushBeforeClear } from './flush-before-clear.ts';
import { clearWithoutFlush } from './clear-without-flush.ts';
import { flushNotAwaited } from './flush-not-awaited.ts';
import { callbackAPageShort } from './callback-a-page-short.ts';
import { callbackOnConversionOnly } from './callback-on-conversion-only.ts';
import { callbackOnTruncationOnly } from './callback-on-truncation-only.ts';
import { callbackAtEnd } from './callback-at-end.ts';
import { noUnwind } from './no-unwind.ts';
import { attributeCheckedOnce } from './attribute-checked-once.ts';
import { offsetNeverAdvances } from './offset-never-advances.ts';
import { oneLeafForARun } from './one-leaf-for-a-run.ts';
import { psmashMissing } from './psmash-missing.ts';
import { unpinBeforeUnmap } from './unpin-before-unmap.ts';
import { unpinBeforeSync } from './unpin-before-sync.ts';
import { npinnedNotLowered } from './npinned-not-lowered.ts';
import { pinsOutliveArea } from './pins-outlive-area.ts';
import { pinnedTwice } from './pinned-twice.ts';
import { lockKeptOnError } from './lock-kept-on-error.ts';
import { pinAfterPut } from './pin-after-put.ts';
import { pinsPrivatePages } from './pins-private-pages.ts';
import { unpinnedTwiceOnError } from './unpinned-twice-on-error.ts';
import { revokeNotRechecked } from './revoke-not-rechecked.ts';
import { conversionIgnoresPins } from './conversion-ignores-pins.ts';
import { refusedWithoutEnd } from './refused-without-end.ts';
import { errorOffsetUnset } from './error-offset-unset.ts';
import { proceedLooksAtOnePage } from './proceed-looks-at-one-page.ts';
import { sharedSpteNotZapped } from './shared-spte-not-zapped.ts';
import { zapOfWrongKind } from './zap-of-wrong-kind.ts';
import { rollbackStopsShort } from './rollback-stops-short.ts';
import { reserveAfterZap } from './reserve-after-zap.ts';
import { storedWhileReserving } from './stored-while-reserving.ts';
import { gupWithoutRecheck } from './gup-without-recheck.ts';
import { pteAfterUnlock } from './pte-after-unlock.ts';
import { failedTryIgnored } from './failed-try-ignored.ts';
import { populatesShared } from './populates-shared.ts';
import { populatesAssigned } from './populates-assigned.ts';
import { populateWithoutSource } from './populate-without-source.ts';
import { populateWithoutLock } from './populate-without-lock.ts';
import { noSplit } from './no-split.ts';
import { rmpupdateWithoutPsmash } from './rmpupdate-without-psmash.ts';
import { deviceTlbFirst } from './device-tlb-first.ts';
import { deviceTlbForgotten } from './device-tlb-forgotten.ts';
import { convertWithoutLock } from './convert-without-lock.ts';
import { endBeforeCommit } from './end-before-commit.ts';
import { endWithoutSeq } from './end-without-seq.ts';
import { startWithoutRange } from './start-without-range.ts';
import { zapWithoutFlush } from './zap-without-flush.ts';
import { zapBeforeStart } from './zap-before-start.ts';
import { holeBeforeStart } from './hole-before-start.ts';
import { holeWithoutZap } from './hole-without-zap.ts';
import { holeKeepsTdPage } from './hole-keeps-td-page.ts';
import { removedWithoutWbinvd } from './removed-without-wbinvd.ts';
import { countBeforeSeq } from './count-before-seq.ts';
import { seqBeforeCount } from './seq-before-count.ts';
import { flushLostAtYield } from './flush-lost-at-yield.ts';
import { rangeAddedLate } from './range-added-late.ts';
import { unbindSkippedWhenDying } from './unbind-skipped-when-dying.ts';
import { flagsChangeKeepsBinding } from './flags-change-keeps-binding.ts';
import { releaseKeepsPointer } from './release-keeps-pointer.ts';
import { lruNotDrained } from './lru-not-drained.ts';
import { pageStateBeforeCheck } from './page-state-before-check.ts';
import { commitBeforeStart } from './commit-before-start.ts';
import { holeFilterByFlag } from './hole-filter-by-flag.ts';
import { preallocationInBracket } from './preallocation-in-bracket.ts';
import { hostFaultWithoutLock } from './host-fault-without-lock.ts';
import { wipedOnConversion } from './wiped-on-conversion.ts';
import { freedWithoutHook } from './freed-without-hook.ts';
import { missingEntryIsShared } from './missing-entry-is-shared.ts';
import { enomemWithoutOffset } from './enomem-without-offset.ts';
import { conversionTakesNewPage } from './conversion-takes-new-page.ts';
import { storedPageByPage } from './stored-page-by-page.ts';
import { vmsaNotInvalidated } from './vmsa-not-invalidated.ts';
import { vmsaPublishedLate } from './vmsa-published-late.ts';
import { bindLocksInverted } from './bind-locks-inverted.ts';
import { attributeLookupUnderMmuLock } from './attribute-lookup-under-mmu-lock.ts';
import { startedTwice } from './started-twice.ts';
import { releaseOfEmptyRange } from './release-of-empty-range.ts';
import { secondSlotWithoutRange } from './second-slot-without-range.ts';
import { indexTakenForGfn } from './index-taken-for-gfn.ts';
import { endForEachSlot } from './end-for-each-slot.ts';
import { notifierUnderPagesMutex } from './notifier-under-pages-mutex.ts';
import { callbackTakesDomainsRwsem } from './callback-takes-domains-rwsem.ts';
import { mutexClassShared } from './mutex-class-shared.ts';
import { pagesSetOutsideDomainsRwsem } from './pages-set-outside-domains-rwsem.ts';
import { iovaFreedBeforeUnmap } from './iova-freed-before-unmap.ts';
import { notifiedUnderIovaRwsem } from './notified-under-iova-rwsem.ts';
import { numAccessesKeptOnError } from './num-accesses-kept-on-error.ts';
import { numAccessesReadUnlocked } from './num-accesses-read-unlocked.ts';
import { revokeWithoutFlush } from './revoke-without-flush.ts';
import { fillDropsMutex } from './fill-drops-mutex.ts';
import { physLenKept } from './phys-len-kept.ts';
import { revokedAskedAtAttach } from './revoked-asked-at-attach.ts';
import { revokedUnmappedAgain } from './revoked-unmapped-again.ts';
import { dmaResvUnderPagesMutex } from './dma-resv-under-pages-mutex.ts';

export const BROKEN: readonly Policy[] = [
  noRecheck,
  recheckIgnoresSeq,
  recheckIgnoresProgress,
  recheckOutsideMutex,
  snapshotAfterLookup,
  attributeBeforeSnapshot,
  retryKeepsPfn,
  retryBecomesEbusy,
  mutexKeptOnRetry,
  attributeNotChecked,
  privateTestInverted,
  referenceKept,
  referencePutTwice,
  pageNotCleared,
  clearedAfterMap,
  mutexAroundLookup,
  flushBeforeClear,
  clearWithoutFlush,
  flushNotAwaited,
  deviceTlbFirst,
  deviceTlbForgotten,
  callbackAPageShort,
  callbackOnConversionOnly,
  callbackOnTruncationOnly,
  callbackAtEnd,
  noUnwind,
  attributeCheckedOnce,
  offsetNeverAdvances,
  oneLeafForARun,
  psmashMissing,
  unpinBeforeUnmap,
  unpinBeforeSync,
  npinnedNotLowered,
  pinsOutliveArea,
  pinnedTwice,
  lockKeptOnError,
  pinAfterPut,
  pinsPrivatePages,
  unpinnedTwiceOnError,
  revokeNotRechecked,
  conversionIgnoresPins,
  refusedWithoutEnd,
  errorOffsetUnset,
  proceedLooksAtOnePage,
  sharedSpteNotZapped,
  zapOfWrongKind,
  rollbackStopsShort,
  reserveAfterZap,
  storedWhileReserving,
  gupWithoutRecheck,
  pteAfterUnlock,
  failedTryIgnored,
  populatesShared,
  populatesAssigned,
  populateWithoutSource,
  populateWithoutLock,
  noSplit,
  rmpupdateWithoutPsmash,
  convertWithoutLock,
  endBeforeCommit,
  endWithoutSeq,
  startWithoutRange,
  zapWithoutFlush,
  zapBeforeStart,
  holeBeforeStart,
  holeWithoutZap,
  holeKeepsTdPage,
  removedWithoutWbinvd,
  countBeforeSeq,
  seqBeforeCount,
  flushLostAtYield,
  rangeAddedLate,
  unbindSkippedWhenDying,
  flagsChangeKeepsBinding,
  releaseKeepsPointer,
  lruNotDrained,
  pageStateBeforeCheck,
  commitBeforeStart,
  holeFilterByFlag,
  preallocationInBracket,
  hostFaultWithoutLock,
  wipedOnConversion,
  freedWithoutHook,
  missingEntryIsShared,
  enomemWithoutOffset,
  conversionTakesNewPage,
  storedPageByPage,
  vmsaNotInvalidated,
  vmsaPublishedLate,
  bindLocksInverted,
  attributeLookupUnderMmuLock,
  startedTwice,
  releaseOfEmptyRange,
  secondSlotWithoutRange,
  indexTakenForGfn,
  endForEachSlot,
  notifierUnderPagesMutex,
  callbackTakesDomainsRwsem,
  mutexClassShared,
  pagesSetOutsideDomainsRwsem,
  iovaFreedBeforeUnmap,
  notifiedUnderIovaRwsem,
  numAccessesReadUnlocked,
  numAccessesKeptOnError,
  revokeWithoutFlush,
  fillDropsMutex,
  physLenKept,
  revokedUnmappedAgain,
  dmaResvUnderPagesMutex,
  revokedAskedAtAttach,
];
