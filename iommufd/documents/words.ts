// A sequence in words, for documentation and for a failing test.

import type { DirtyData, DirtyOp } from '../arbitraries/dirty.ts';
import type { DomainOp } from '../arbitraries/iotlb.ts';
import type { IovaData, IovaOp } from '../arbitraries/iova.ts';
import type { OpData, Piece, SequenceData, WorldData } from '../arbitraries/sequence.ts';

const SOURCES = ['user memory', 'memfd', 'gmem', 'dma-buf', 'other file'];
const kib = (units: number): string => `${units * 2}K`;

const failing = (op: OpData): string => ('fail' in op && op.fail > 0 ? `, failure ${op.fail}` : '');

function words(op: OpData): string {
  switch (op.op) {
    case 'map': {
      if (op.source % 6 === 5) return `map all of a gmem of 2M${op.ioas % 2 === 0 ? '' : ' into IOAS 1'}`;
      const where = op.iova < 0 ? '' : ` at iova +${kib(op.iova)}`;
      const what = `${kib(op.length)} of ${SOURCES[op.source % 6]} from ${kib(op.at)}`;
      const to = op.ioas % 2 === 0 ? '' : ' into IOAS 1';
      return `map ${what}${to}${where}${op.write ? ', writable' : ''}${op.race ? ', holes punched meanwhile' : ''}`;
    }
    case 'copy':
      return `copy ${kib(op.length)} of area ${op.area} from ${kib(op.at)} to IOAS ${op.ioas % 2}`;
    case 'unmap':
      return `unmap area ${op.area}`;
    case 'unmap_range':
      return `unmap iova +${kib(op.iova)}, ${kib(op.length)}`;
    case 'unmap_all':
      return `unmap all of IOAS ${op.ioas % 2}`;
    case 'attach':
      return `attach a domain to IOAS ${op.ioas % 2}`;
    case 'detach':
      return `detach domain ${op.domain} of IOAS ${op.ioas % 2}`;
    case 'pin':
      return `pin ${op.pages} pages of area ${op.area} from page ${op.at}${op.internal ? ', internal' : ''}`;
    case 'unpin':
      return `unpin ${op.pin}`;
    case 'rw':
      return `${op.write ? 'write' : 'read'} ${op.length} bytes of area ${op.area} from ${op.at}`;
    case 'cut':
      return `cut area ${op.area} at ${kib(op.at)}`;
    case 'large_pages':
      return `${op.on ? 'enable' : 'disable'} large pages of IOAS ${op.ioas % 2}`;
    case 'punch':
      return `punch pages [${op.at},${op.at + op.pages}) of ${op.file % 3 === 0 ? 'memfd' : 'gmem'}`;
    case 'convert':
      return `convert pages [${op.at},${op.at + op.pages}) of gmem to ${op.shared ? 'shared' : 'private'}`;
    case 'vcpu_fault':
      return `vCPU faults folio ${op.at} of gmem`;
    case 'dma':
      return `device ${op.write ? 'writes to' : 'reads from'} page ${op.at} of area ${op.area}`;
    case 'revoke':
      return op.undo ? 'exporter allows the dma-buf again' : 'exporter revokes the dma-buf';
    case 'change_process':
      return 'change process';
    case 'exit':
      return 'the first process exits';
  }
}

const layout = (name: string, pieces: readonly Piece[]): string[] =>
  pieces.length === 1 && pieces[0].order === 0 && !pieces[0].gap
    ? []
    : [`${name} folios ${pieces.map(({ order, gap }) => `${gap ? '_' : ''}${order}`).join(' ')}`];

function world(data: WorldData): string[] {
  return [
    ...(data.attached > 0 ? [`${data.attached} domain${data.attached > 1 ? 's' : ''}`] : []),
    ...layout('user', data.user),
    ...layout('memfd', data.memfd),
    ...layout('gmem', data.gmem),
    ...(data.limit === 65536 ? [] : [`${data.limit} bytes of temporary memory`]),
    ...(data.rlimit === 1024 ? [] : [`RLIMIT_MEMLOCK ${data.rlimit} pages`]),
    ...(data.ipcLock ? ['CAP_IPC_LOCK'] : []),
    ...(data.mm ? ['RLIMIT_MODE 1'] : []),
  ];
}

export const inWords = (data: SequenceData): string[] => [
  ...world(data.world),
  ...data.ops.map((op) => words(op) + failing(op)),
];

export const domainInWords = (ops: readonly DomainOp[], noGaps: boolean): string[] => [
  ...(noGaps ? ['NO_GAPS'] : []),
  ...ops.map((op) => {
    const at = `+${op.iova * 4}K`;
    if (op.op === 'map')
      return `iommu_map(${at}, pfn +${op.pfn}, ${op.length * 4}K)${op.fail > 0 ? `, failure ${op.fail}` : ''}`;
    if (op.op === 'touch') return `map and unmap ${at}, 4K`;
    return `iommu_unmap(${at}, ${op.length * 4}K)${op.otherCpu ? ', another CPU queues the wait' : ''}`;
  }),
];

const RANGES = { all: 'iova 0, length 0', half: 'iova 0, length 2^63', wraps: 'iova 2^64 - 4K, length 8K' };

function dirtyWords(op: DirtyOp): string {
  const spoilt = 'spoil' in op && op.spoil !== 'nothing' ? `, bad ${op.spoil}` : '';
  if (op.op === 'map') return `map +${kib(op.at)}, ${kib(op.length)}`;
  if (op.op === 'unmap') return `unmap what is at +${kib(op.at)}`;
  if (op.op === 'write') return `device writes to +${kib(op.at)}`;
  if (op.op === 'track') return `tracking ${op.on ? 'on' : 'off'}${spoilt}`;
  const range = op.range === 'units' ? `+${kib(op.at)}, ${kib(op.length)}` : RANGES[op.range];
  const size = op.page < 0 ? '0' : `2^${op.page}`;
  const failing = op.fail > 0 ? `, failure ${op.fail}` : '';
  return `read ${range}, page_size ${size}${op.clear ? '' : ', NO_CLEAR'}${spoilt}${failing}`;
}

export const dirtyInWords = (data: DirtyData): string[] => [
  ...(data.tracked ? ['64K mapped, tracking on'] : []),
  ...layout('user', data.layout),
  ...(data.large ? [] : ['HUGE_PAGES 0']),
  ...(data.dirtyOps ? [] : ['no dirty_ops']),
  ...(data.offset === 0 ? [] : [`bitmap at ${data.offset} in its page`]),
  ...data.ops.map(dirtyWords),
];

/** Negative: from the end of what an unsigned long holds. */
const place = (units: number): string => (units < 0 ? `2^64 - ${kib(-units)}` : kib(units));

function iovaWords(op: IovaOp): string {
  const of = op.ioas === 0 ? '' : ' of IOAS 1';
  const less = 'odd' in op && op.odd !== 'nothing' ? `, ${op.odd} one byte less` : '';
  switch (op.op) {
    case 'allow': {
      const ranges = op.ranges.map(({ at, length }) => `${place(length)} at ${place(at)}`);
      return `allow ${ranges.length === 0 ? 'everything' : ranges.join(' and ')}${of}`;
    }
    case 'reserve':
      return `reserve ${place(op.length)} at ${place(op.at)}${of}`;
    case 'map': {
      const from = op.va < 0 ? `user_va ${place(op.va)}` : `${kib(op.va)} of user memory`;
      const where = op.fixed ? ` at iova ${place(op.at)}` : '';
      return `map ${place(op.length)} from ${from}${where}${of}${op.write ? ', writable' : ''}${less}`;
    }
    case 'copy': {
      const where = op.fixed ? ` at iova ${place(op.at)}` : '';
      const from = `iova ${place(op.source)} of IOAS ${op.from}`;
      return `copy ${place(op.length)} from ${from} to IOAS ${op.ioas}${where}${op.write ? ', writable' : ''}${less}`;
    }
    case 'unmap':
      return `unmap iova ${place(op.at)}, ${place(op.length)}${of}${less}`;
    case 'unmap_all':
      return `unmap all${of}`;
    case 'vfio_unmap': {
      const flags = op.flags === 0 ? '' : `, flags ${op.flags}`;
      return `VFIO unmap iova ${place(op.at)}, ${place(op.length)}${of}${flags}${less}`;
    }
  }
}

export const iovaInWords = (data: IovaData): string[] => [
  ...(data.domain ? ['1 domain'] : []),
  ...(data.large ? [] : ['HUGE_PAGES 0']),
  ...data.ops.map(iovaWords),
];

const WHOLE = new RegExp(
  [
    'clear the PTE of (iova \\d+)',
    'smp_mb\\(\\)',
    'spin_lock\\(\\), fq_ring_free_locked\\(\\)',
    '\\1 has (counter \\d+)',
    'spin_unlock\\(\\)',
  ]
    .map((step) => `CPU0: ${step}`)
    .join('; '),
  'g',
);

/** What CPU0 does to the end without anybody in between is one step. */
export const queueInWords = (steps: readonly string[]): string[] => [
  steps.join('; ').replaceAll(WHOLE, 'CPU0: unmap $1 with $2'),
];
