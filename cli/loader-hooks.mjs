// How a policy file and its helpers are found and read. Plain JavaScript: Node 20 runs it in the thread of its own that
// module.register() starts, later versions on the main thread through module.registerHooks(). Both call the same
// functions, which therefore return either a value or what the next hook returned, and await nothing.

import { readFileSync, realpathSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { receiveMessageOnPort } from 'node:worker_threads';

/** `gmem-policy:file:///...` starts a policy: the file and what it imports by relative path are ES modules, whatever
 * package.json lies around them. */
export const ENTRY = 'gmem-policy:';
/** Begins the message of an error whose rest is meant for the user as it stands. */
export const FOR_USER = 'gmem-policy-error: ';

const PACKAGE = 'gmem-iommu-conformance';
const MODULE = /\.(ts|mts|js|mjs)$/;
const READ_AS = { ts: 'ts', mts: 'ts', js: 'js', mjs: 'js' };

/** URLs of policies and of what they import by relative path. */
const ours = new Set();
/** What is compiled already, by URL; the rest is compiled here. */
const compiled = new Map();
let apiUrl = '';
let port;
let transformSync;

export function initialize(data) {
  ({ apiUrl, port } = data);
}

function receive() {
  for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port))
    for (const [url, code] of next.message) compiled.set(url, code);
}

function isFile(path) {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

function lineOf(file, specifier) {
  const lines = readFileSync(file, 'utf8').split('\n');
  const at = lines.findIndex((line) => line.includes(`'${specifier}'`) || line.includes(`"${specifier}"`));
  return at < 0 ? file : `${file}:${at + 1}`;
}

function forUser(text) {
  return new Error(FOR_USER + text);
}

/** What a relative import may stand for, in the order tried: itself, its TypeScript source, with an extension. */
function candidates(path) {
  const source = path.replace(/\.(m?)js$/, '.$1ts');
  return [
    path,
    ...(source === path ? [] : [source]),
    ...['.ts', '.mts', '.js', '.mjs'].map((ext) => path + ext),
  ];
}

function relative(specifier, parent) {
  const wanted = new URL(specifier, parent);
  const found = candidates(fileURLToPath(wanted)).find(isFile);
  if (found === undefined)
    throw forUser(
      `${lineOf(fileURLToPath(parent), specifier)}: imports '${specifier}', which does not exist`,
    );
  const url = pathToFileURL(realpathSync(found)).href;
  ours.add(url);
  return { url, shortCircuit: true, ...(MODULE.test(url) ? { format: 'module' } : {}) };
}

export function resolve(specifier, context, next) {
  if (specifier.startsWith(ENTRY)) {
    const url = specifier.slice(ENTRY.length);
    ours.add(url);
    return { url, format: 'module', shortCircuit: true };
  }
  if (specifier === `${PACKAGE}/api`) {
    ours.add(apiUrl);
    return { url: apiUrl, format: 'module', shortCircuit: true };
  }
  const parent = context.parentURL;
  if (parent === undefined || !ours.has(parent)) return next(specifier, context);
  const file = fileURLToPath(parent);
  if (specifier === PACKAGE || specifier.startsWith(`${PACKAGE}/`))
    throw forUser(
      `${lineOf(file, specifier)}: imports '${specifier}'; a policy may import only '${PACKAGE}/api'`,
    );
  if (/^(\.{0,2}\/|file:)/.test(specifier)) return relative(specifier, parent);
  /* A package of the policy's own, or one of Node's. */
  const missing = () =>
    forUser(
      `${lineOf(file, specifier)}: imports '${specifier}', which is not installed for it; a policy needs only ` +
        `'${PACKAGE}/api' and files beside it`,
    );
  let found;
  try {
    found = next(specifier, context);
  } catch (error) {
    throw error?.code === 'ERR_MODULE_NOT_FOUND' ? missing() : error;
  }
  if (typeof found?.then !== 'function') return found;
  return found.then(undefined, (error) => {
    throw error?.code === 'ERR_MODULE_NOT_FOUND' ? missing() : error;
  });
}

/** How esbuild reads the file. */
export function reading(file) {
  return {
    loader: READ_AS[MODULE.exec(file)[1]],
    format: 'esm',
    target: 'node20',
    supported: { 'import-attributes': true },
    sourcefile: file,
    sourcemap: 'inline',
    sourcesContent: false,
    logLevel: 'silent',
    tsconfigRaw: '{}',
  };
}

/** Where esbuild could not read the file, and why; null where it is not about the file. */
export function misread(error, file) {
  const first = error?.errors?.[0];
  if (first === undefined) return null;
  const at = first.location === null ? file : `${file}:${first.location.line}:${first.location.column + 1}`;
  return `${at}: ${first.text}`;
}

export function load(url, context, next) {
  if (!MODULE.test(url) || !ours.has(url)) return next(url, context);
  receive();
  const source = compiled.get(url);
  if (source !== undefined) return { format: 'module', source, shortCircuit: true };
  transformSync ??= createRequire(import.meta.url)('esbuild').transformSync;
  const file = fileURLToPath(url);
  try {
    const { code } = transformSync(readFileSync(file, 'utf8'), reading(file));
    return { format: 'module', source: code, shortCircuit: true };
  } catch (error) {
    const said = misread(error, file);
    throw said === null ? error : forUser(said);
  }
}
