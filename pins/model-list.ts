// docs/models.md, the list of `MODEL:` comments: where the models knowingly leave reality. `npm run model-list` writes
// it; tidy.test.ts compares.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../cli/root.ts';
import { type Source, trackedSources } from '../tests/tidy/source.ts';

const MARK = 'MODEL:';

export const MODELS_PAGE = 'docs/models.md';

/**
 * The text of one comment from the mark on: its line and the comment lines that follow, without comment
 * signs.
 */
function textFrom(lines: readonly string[], at: number): string {
  const found: string[] = [];
  for (let k = at; k < lines.length; k++) {
    const line = k === at ? lines[k].slice(lines[k].indexOf(MARK) + MARK.length) : lines[k];
    if (k > at && (line.includes(MARK) || !/^\s*(\/\/|\*|\/\*)?\s*\S/.test(line))) break;
    if (k > at && lines[at].trimStart().startsWith('//') && !line.trimStart().startsWith('//')) break;
    const body = line.replace(/\*\/.*$/, '').replace(/^\s*(\/\/+|\*(?!\/)|\/\*+)?/, '');
    if (body.trim() === '') break;
    found.push(body.trim());
    if (line.includes('*/')) break;
    if (k === at && !/^\s*(\/\/|\/\*|\*)/.test(lines[at])) break; /* behind code: one line */
  }
  return found.join(' ');
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

export function modelPage(sources: readonly Source[]): string {
  return [
    '# Where the models leave reality',
    '',
    'Written by `npm run model-list`; do not edit. Every `MODEL:` comment of the sources: a simplification that somebody',
    'made knowingly, where it stands. What the manuals leave open is not here but in `gmem-conform list assumptions`.',
    '',
    ...modelList(sources),
    '',
  ].join('\n');
}

if (process.argv.includes('--write'))
  writeFileSync(join(packageRoot(), MODELS_PAGE), modelPage(trackedSources()));
