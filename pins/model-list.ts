// The list of `MODEL:` comments, where the models knowingly leave reality. `npm run model-list` writes it into
// ARCHITECTURE.md; tidy.test.ts compares.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../cli/root.ts';
import { type Source, trackedSources } from '../tests/tidy/source.ts';

const BEGIN = '<!-- MODEL list: generated -->';
const END = '<!-- MODEL list: end -->';
const MARK = 'MODEL:';

const file = join(packageRoot(), 'ARCHITECTURE.md');

/**
 * The text of one comment from the mark on: its line and the comment lines that follow, without comment
 * signs.
 */
function textFrom(lines: readonly string[], at: number): string {
  const parts: string[] = [];
  for (let k = at; k < lines.length; k++) {
    const line = k === at ? lines[k].slice(lines[k].indexOf(MARK) + MARK.length) : lines[k];
    if (k > at && (line.includes(MARK) || !/^\s*(\/\/|\*|\/\*)?\s*\S/.test(line))) break;
    if (k > at && lines[at].trimStart().startsWith('//') && !line.trimStart().startsWith('//')) break;
    const body = line.replace(/\*\/.*$/, '').replace(/^\s*(\/\/+|\*(?!\/)|\/\*+)?/, '');
    if (body.trim() === '') break;
    parts.push(body.trim());
    if (line.includes('*/')) break;
    if (k === at && !/^\s*(\/\/|\/\*|\*)/.test(lines[at])) break; /* behind code: one line */
  }
  return parts.join(' ');
}

/** `- path: text` for every such comment in api/, policies/ and the three worlds, in the order of paths and lines. */
export function modelList(sources: readonly Source[]): string[] {
  return sources
    .filter((source) => source.tree !== null && /^(api|iommufd|models|policies|uapi)\//.test(source.path))
    .flatMap((source) => {
      const lines = source.text.split('\n');
      const at = lines.flatMap((line, k) => (/(\/\/|\*).*\bMODEL:/.test(line) ? [k] : []));
      return at.map((k) => `- \`${source.path}\`: ${textFrom(lines, k)}`);
    });
}

/** What stands between the markers of ARCHITECTURE.md; null where there are none. */
export function writtenList(): string[] | null {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (begin < 0 || end < begin) return null;
  return text
    .slice(begin + BEGIN.length, end)
    .split('\n')
    .filter((line) => line !== '');
}

function write(list: readonly string[]): void {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const body = `${BEGIN}\n${list.join('\n')}\n${END}`;
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  const title = '## Where the models leave reality';
  const section = `${title}\n\nEvery \`MODEL:\` comment; written by \`npm run model-list\`.\n\n${body}\n`;
  if (begin >= 0 && end > begin)
    writeFileSync(file, text.slice(0, begin) + body + text.slice(end + END.length));
  else writeFileSync(file, text === '' ? `# Architecture\n\n${section}` : `${text.trimEnd()}\n\n${section}`);
}

if (process.argv.includes('--write')) write(modelList(trackedSources()));
