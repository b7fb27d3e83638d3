// Imports one policy file and puts what goes wrong into one sentence. Plain CommonJS: the same code runs inside the
// command line, inside a test runner that rewrites import() in modules of its own, and as the program of the child
// process that tries a policy first (`node policy-loader.cjs API FILE`, answers over the IPC channel).

'use strict';

const fs = require('node:fs');
const nodeModule = require('node:module');
const path = require('node:path');
const { fileURLToPath, pathToFileURL } = require('node:url');

const HOOKS = pathToFileURL(path.join(__dirname, 'loader-hooks.mjs')).href;
const REGISTERED = Symbol.for('gmem-iommu-conformance.loader');

async function register(apiFile) {
  const hooks = await import(HOOKS);
  if (globalThis[REGISTERED] === true) return hooks;
  globalThis[REGISTERED] = true;
  /* Without it the lines in a stack are those of the compiled text. */
  process.setSourceMapsEnabled(true);
  const data = { apiUrl: pathToFileURL(apiFile).href };
  if (typeof nodeModule.registerHooks === 'function') {
    hooks.initialize(data);
    nodeModule.registerHooks({ resolve: hooks.resolve, load: hooks.load });
  } else nodeModule.register(HOOKS, { data });
  return hooks;
}

/** `file:line:column` of the innermost frame that lies outside of node_modules and of this package's own loader. */
function placeOf(error) {
  const stack = error instanceof Error && typeof error.stack === 'string' ? error.stack : '';
  for (const line of stack.split('\n')) {
    const found = /^\s+at .*?(?:\(|\s)((?:file:\/\/)?\/[^()]*):(\d+):(\d+)\)?$/.exec(line);
    if (found === null) continue;
    const file = found[1].startsWith('file:') ? fileURLToPath(found[1]) : found[1];
    if (file.includes('/node_modules/') || file.startsWith(__dirname + path.sep)) continue;
    return `${file}:${found[2]}:${found[3]}`;
  }
  return null;
}

function describe(error, file, hooks) {
  const message = error instanceof Error ? error.message : String(error);
  const at = message.indexOf(hooks.FOR_USER);
  if (at >= 0) return message.slice(at + hooks.FOR_USER.length);
  if (error instanceof SyntaxError) {
    const missing = /requested module '(.+)' does not provide an export named '(.+)'/.exec(message);
    if (missing !== null)
      return `${importer(error, file, missing[1])}: '${missing[1]}' exports no '${missing[2]}'`;
  }
  const where = placeOf(error) ?? file;
  const name = error instanceof Error && error.name !== 'Error' ? `${error.name}: ` : '';
  return `${where}: threw while it was loaded: ${name}${message.split('\n')[0]}`;
}

/** The line that imports `specifier`, in the file that the stack of the SyntaxError begins with. */
function importer(error, file, specifier) {
  const head = /^(file:\/\/\/.+?):\d+$/m.exec(String(error.stack));
  const from = head === null ? file : fileURLToPath(head[1]);
  const lines = fs.readFileSync(from, 'utf8').split('\n');
  const at = lines.findIndex((line) => line.includes(`'${specifier}'`) || line.includes(`"${specifier}"`));
  return at < 0 ? from : `${from}:${at + 1}`;
}

/** `{ module }`, or `{ problem }` in the user's words. */
async function importPolicy(file, apiFile) {
  const hooks = await register(apiFile);
  try {
    return { module: await import(hooks.ENTRY + pathToFileURL(file).href) };
  } catch (error) {
    return { problem: describe(error, file, hooks) };
  }
}

module.exports = { importPolicy, placeOf, register };

if (require.main === module) {
  const [apiFile, file] = process.argv.slice(2);
  const answer = (problem) => process.send({ problem }, () => process.exit(0));
  /* Nothing is left to run, and the import has not settled. */
  process.once('beforeExit', () =>
    answer(`${file}: waits at its top level for something that never happens`),
  );
  void importPolicy(file, apiFile).then((found) => answer(found.problem ?? null));
}
