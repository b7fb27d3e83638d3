// Tracked files as text and as syntax trees, for the rules of tidy.

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAst } from 'vitest/node';
import { packageRoot } from '../../cli/root.ts';

export interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

export interface Source {
  /** Relative to the root, with slashes. */
  readonly path: string;
  readonly text: string;
  /** Null for what is not TypeScript. */
  readonly tree: Node | null;
}

/** One breach: `models/x.ts:12: what`. */
export type Finding = string;

export function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}

function children(node: Node): Node[] {
  const found: Node[] = [];
  for (const name in node) {
    const value = node[name];
    if (typeof value !== 'object' || value === null) continue;
    if (Array.isArray(value)) found.push(...value.filter(isNode));
    else if (isNode(value)) found.push(value);
  }
  return found;
}

const walked = new WeakMap<Node, readonly Node[]>();

/** Every node below and including this one, parents first. */
export function nodes(node: Node): readonly Node[] {
  const known = walked.get(node);
  if (known !== undefined) return known;
  const all: Node[] = [];
  const add = (each: Node): void => {
    all.push(each);
    children(each).forEach(add);
  };
  add(node);
  walked.set(node, all);
  return all;
}

export function isFunction(node: Node): boolean {
  return /^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type);
}

/** The outermost functions inside a function. */
export function functionsIn(node: Node): Node[] {
  return children(node).flatMap((child) => (isFunction(child) ? [child] : functionsIn(child)));
}

export function lineAt(source: Source, offset: number): number {
  return source.text.slice(0, offset).split('\n').length;
}

export function finding(source: Source, at: Node | number, what: string): Finding {
  return `${source.path}:${typeof at === 'number' ? at : lineAt(source, at.start)}: ${what}`;
}

export function sourceOf(path: string, text: string): Source {
  const tree: unknown = path.endsWith('.ts') ? parseAst(text, { lang: 'ts' }) : null;
  return { path, text, tree: isNode(tree) ? tree : null };
}

function isText(path: string): boolean {
  return !/\.(png|gz|tgz|zip)$/.test(path);
}

/** All files that git tracks or would take, ignored ones left out. */
export function trackedSources(): Source[] {
  const root = packageRoot();
  const list = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
  });
  const paths = [...new Set(list.toString('utf8').split('\0'))].filter((path) => path !== '' && isText(path));
  return paths
    .filter((path) => existsSync(join(root, path)))
    .sort()
    .map((path) => sourceOf(path, readFileSync(join(root, path), 'utf8')));
}
