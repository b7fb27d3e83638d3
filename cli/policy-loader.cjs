// Imports one policy file and puts what goes wrong into one sentence. Plain CommonJS: the same code runs inside the
// command line, inside a test runner that rewrites import() in modules of its own, and as the program of the child
// process that tries policies first (`node policy-loader.cjs API`, is asked and answers over the IPC channel).

'use strict';

const fs = require('node:fs');
const nodeModule = require('node:module');
const path = require('node:path');
const { fileURLToPath, pathToFileURL } = require('node:url');
const { MessageChannel } = require('node:worker_threads');

const HOOKS = pathToFileURL(path.join(__dirname, 'loader-hooks.mjs')).href;
const REGISTERED = Symbol.for('gmem-iommu-conformance.loader');

/** The modules of `compiled`, `[url, code]` each, are taken as they are there. */
async function register(apiFile, compiled = []) {
  const hooks = await import(HOOKS);
  if (globalThis[REGISTERED] === undefined) {
    /* Without it the lines in a stack are those of the compiled text. */
    process.setSourceMapsEnabled(true);
    const { port1, port2 } = new MessageChannel();
    globalThis[REGISTERED] = port1;
    const data = { apiUrl: pathToFileURL(apiFile).href, port: port2 };
    if (typeof nodeModule.registerHooks === 'function') {
      hooks.initialize(data);
      nodeModule.registerHooks({ resolve: hooks.resolve, load: hooks.load });
    } else nodeModule.register(HOOKS, { data, transferList: [port2] });
  }
  globalThis[REGISTERED].postMessage(compiled);
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

/**
 * `{ compiled }`, which is what importPolicy() takes, or `{ problem }` in the user's words. Where the problem is not in
 * the text of the file, importPolicy() meets it again.
 */
async function compile(file) {
  const { misread, reading } = await import(HOOKS);
  try {
    const { code } = await require('esbuild').transform(fs.readFileSync(file, 'utf8'), reading(file));
    return { compiled: [[pathToFileURL(file).href, code]] };
  } catch (error) {
    const problem = misread(error, file);
    return problem === null ? { compiled: [] } : { problem };
  }
}

/** The API in one module, under its own URL. Without it importPolicy() compiles each of its files. */
async function compileApi(apiFile) {
  const { reading } = await import(HOOKS);
  const { loader: _loader, sourcefile: _name, ...options } = reading(apiFile);
  try {
    const { build } = require('esbuild');
    const { outputFiles } = await build({ ...options, entryPoints: [apiFile], bundle: true, write: false });
    return [[pathToFileURL(apiFile).href, outputFiles[0].text]];
  } catch {
    return [];
  }
}

/** `{ module }`, or `{ problem }` in the user's words. */
async function importPolicy(file, apiFile, compiled) {
  const hooks = await register(apiFile, compiled);
  try {
    return { module: await import(hooks.ENTRY + pathToFileURL(file).href) };
  } catch (error) {
    return { problem: describe(error, file, hooks) };
  }
}

module.exports = { compile, compileApi, importPolicy, placeOf };

/* How long it may wait for another file. */
const IDLE_MS = 10_000;

/**
 * The program of the child: loads files as it is told, until one has a problem, or leaves something behind that would
 * run on.
 */
function serve(apiFile) {
  const { setTimeout } = require('node:timers');
  const end = () => process.kill(process.pid, 'SIGKILL');
  const wait = () => {
    const idle = setTimeout(end, IDLE_MS);
    process.channel.ref();
    process.once('message', ({ file, compiled }) => {
      clearTimeout(idle);
      process.channel.unref();
      const before = process.getActiveResourcesInfo().length;
      const fail = (problem) => process.send({ problem }, end);
      /* Nothing is left to run, and the import has not settled. */
      const never = () => fail(`${file}: waits at its top level for something that never happens`);
      process.once('beforeExit', never);
      void importPolicy(file, apiFile, compiled).then(({ problem }) => {
        process.removeListener('beforeExit', never);
        if (problem !== undefined) fail(problem);
        else if (process.getActiveResourcesInfo().length > before) fail(null);
        else process.send({ problem: null, again: true }, wait);
      });
    });
  };
  process.once('disconnect', end);
  wait();
}

if (require.main === module) serve(process.argv[2]);
