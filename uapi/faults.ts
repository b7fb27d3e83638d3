// Planted faults of this level: what errno-as-documented must catch, each on one base.

import type { BaseName } from '../api/index.ts';
import { alignmentOnce } from './broken/alignment-once.ts';
import { allocateLastPage } from './broken/allocate-last-page.ts';
import { bindFirst } from './broken/bind-first.ts';
import { bindOverlap } from './broken/bind-overlap.ts';
import { bindSigned } from './broken/bind-signed.ts';
import { bindWrap } from './broken/bind-wrap.ts';
import { createReserved } from './broken/create-reserved.ts';
import { createSizeUnsigned } from './broken/create-size-unsigned.ts';
import { faultAtEnd } from './broken/fault-at-end.ts';
import { holePastEnd } from './broken/hole-past-end.ts';
import { launchErrno } from './broken/launch-errno.ts';
import { mapPrivateFirst } from './broken/map-private-first.ts';
import { modeBeforeEfbig } from './broken/mode-before-efbig.ts';
import { referencesFirst } from './broken/references-first.ts';
import { sizeBeforeErrorOffset } from './broken/size-before-error-offset.ts';
import { sizeZero } from './broken/size-zero.ts';
import { writeBack } from './broken/write-back.ts';
import { type Judged, entries, judge } from './suite.ts';

interface Fault {
  readonly name: string;
  readonly base: BaseName;
  readonly judged: Judged;
}

export const FAULTS: readonly Fault[] = [
  { name: 'bind-signed', base: 'linux-7.2', judged: judge({ ...entries.memoryRegion, call: bindSigned }) },
  { name: 'bind-wrap', base: 'linux-7.2', judged: judge({ ...entries.memoryRegion, call: bindWrap }) },
  { name: 'bind-overlap', base: 'linux-7.2', judged: judge({ ...entries.memoryRegion, call: bindOverlap }) },
  { name: 'bind-first', base: 'linux-7.2', judged: judge({ ...entries.memoryRegion, call: bindFirst }) },
  { name: 'alignment-once', base: 'v8', judged: judge({ ...entries.attributes2, call: alignmentOnce }) },
  { name: 'size-zero', base: 'v8', judged: judge({ ...entries.attributes2, call: sizeZero }) },
  { name: 'write-back', base: 'v8', judged: judge({ ...entries.attributes2, call: writeBack }) },
  { name: 'references-first', base: 'v8', judged: judge({ ...entries.attributes2, call: referencesFirst }) },
  {
    name: 'size-before-error-offset',
    base: 'rfc-v2',
    judged: judge({ ...entries.convert, call: sizeBeforeErrorOffset }),
  },
  { name: 'fault-at-end', base: 'linux-7.2', judged: judge({ ...entries.fault, call: faultAtEnd }) },
  {
    name: 'allocate-last-page',
    base: 'linux-7.2',
    judged: judge({ ...entries.fallocate, call: allocateLastPage }),
  },
  { name: 'hole-past-end', base: 'linux-7.2', judged: judge({ ...entries.fallocate, call: holePastEnd }) },
  {
    name: 'mode-before-efbig',
    base: 'linux-7.2',
    judged: judge({ ...entries.fallocate, call: modeBeforeEfbig }),
  },
  { name: 'map-private-first', base: 'linux-7.2', judged: judge({ ...entries.mmap, call: mapPrivateFirst }) },
  {
    name: 'create-size-unsigned',
    base: 'linux-7.2',
    judged: judge({ ...entries.create, call: createSizeUnsigned }),
  },
  { name: 'create-reserved', base: 'linux-7.2', judged: judge({ ...entries.create, call: createReserved }) },
  { name: 'launch-errno', base: 'linux-7.2', judged: judge({ ...entries.snp, call: launchErrno }) },
];
