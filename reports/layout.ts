// Plain text as kernel mail wants it: printable ASCII, at most 72 columns, so that quoting leaves it in 80.

export const WIDTH = 72;

/** Labels of the blocks under a table: `state`, `why`, `limits`. */
const LABEL = 8;

/** Text that must not go out as it is. Nothing is replaced silently. */
export class ReportError extends Error {
  override readonly name = 'ReportError';
}

function complaint(line: string): string | null {
  for (let i = 0; i < line.length; i++) {
    const code = line.charCodeAt(i);
    if (code < 32 || code > 126) {
      return `character U+${code.toString(16).toUpperCase().padStart(4, '0')} at column ${i + 1}, not printable ASCII`;
    }
  }
  return line.length > WIDTH ? `${line.length} columns, more than ${WIDTH}` : null;
}

/** Lines to text. Throws ReportError for a line that is not plain ASCII or is too long. */
export function plain(lines: readonly string[]): string {
  for (const line of lines) {
    const what = complaint(line);
    if (what !== null) throw new ReportError(`report line has ${what}: ${JSON.stringify(line)}`);
  }
  return lines.map((line) => line.trimEnd() + '\n').join('');
}

/** Where to break a word longer than a line: before arguments, so that a name can be searched for; else in a name. */
function breakAt(word: string, width: number): number {
  for (let i = width; i > 1; i--) if (/[(,]/.test(word.charAt(i - 1)) && word.charAt(i) !== ')') return i;
  for (let i = width; i > width / 3; i--)
    if (/[-_,/.(:]/.test(word.charAt(i - 1)) && word.charAt(i) !== '>') return i;
  return width;
}

/** Breaks at spaces, and inside words only where one alone does not fit. Runs of spaces inside a line stay. */
export function wrap(text: string, width: number): string[] {
  const room = Math.max(1, width);
  const lines: string[] = [];
  let line = '';
  for (const piece of text.match(/ *[^ ]+/g) ?? []) {
    if (line !== '' && line.length + piece.length <= room) {
      line += piece;
      continue;
    }
    if (line !== '') lines.push(line);
    line = piece.trimStart();
    while (line.length > room) {
      const at = breakAt(line, room);
      lines.push(line.slice(0, at));
      line = line.slice(at);
    }
  }
  if (line !== '') lines.push(line);
  return lines;
}

/** `first` before the first line, as many spaces before the others, then `hang` more. */
export function hang(first: string, text: string, more = 0): string[] {
  const lines = wrap(text, WIDTH - first.length - more);
  const under = ' '.repeat(first.length);
  if (lines.length === 0) return first.trim() === '' ? [] : [first.trimEnd()];
  return lines.map((line, i) => (i === 0 ? first : under + ' '.repeat(more)) + line);
}

/** A labelled block; every entry starts on a line of its own under the first. */
export function block(label: string, entries: readonly string[]): string[] {
  return entries.flatMap((entry, i) => hang((i === 0 ? label : '').padEnd(LABEL), entry));
}

/** 234000 -> 234,000 */
export function number(n: number): string {
  return String(n).replace(/\B(?=(?:\d{3})+$)/g, ',');
}

/** At most five characters: 999, 12k, 1.2M. Rounded down, never to 0. */
export function compact(n: number): string {
  if (n < 10_000) return String(n);
  const units: readonly (readonly [number, string])[] = [
    [1e12, 'T'],
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ];
  const [size, unit] = units.find(([u]) => n >= u) ?? [1, ''];
  const tenths = Math.floor((n * 10) / size);
  return (
    (tenths < 100 ? `${Math.floor(tenths / 10)}.${tenths % 10}` : String(Math.floor(tenths / 10))) + unit
  );
}

/** `1 call`, `2 calls` */
export function plural(n: number, word: string): string {
  return `${number(n)} ${word}${n === 1 ? '' : 's'}`;
}

/** `a`, `a and b`, `a, b and c` */
export function listed(words: readonly string[]): string {
  return words.length < 2
    ? words.join('')
    : `${words.slice(0, -1).join(', ')} and ${words[words.length - 1]}`;
}

/** A heading with its underline. */
export function underlined(title: string): string[] {
  const lines = wrap(title, WIDTH);
  return [...lines, '-'.repeat(Math.max(...lines.map((line) => line.length), 1))];
}
