/**
 * node web/demo/build.mjs OUT: bundles the demo page into a folder that any static server serves.
 * The library has been built (web/build.mjs).
 *
 * Put models/ (aecodec export-onnx) and photos/ (benchmarks) into OUT before: the service worker
 * names its cache by the content of everything that is there.
 */

import { createHash } from "node:crypto";
import { cp, mkdir, readdir, readFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const COMMON = { bundle: true, format: "esm", target: "es2022", minify: true, logLevel: "warning" };
const WORKER = "sw.js";
/** Fetched when they are first used, not with the page. */
const LATER = /^(models|photos)\/|\.wasm$/;

/** Of the library, what demo.js loads: its worker and ONNX Runtime's files. */
const LIBRARY = /^(worker\.js|ort-.*\.(mjs|wasm))$/;

/** Builds the page; what else is in the folder stays. */
export async function buildDemo(out) {
  await mkdir(out, { recursive: true });
  for (const name of ["index.html", "demo.css", "icon.svg"]) {
    await cp(join(HERE, name), join(out, name));
  }
  const library = join(HERE, "../dist");
  for (const name of await readdir(library)) {
    if (LIBRARY.test(name)) await cp(join(library, name), join(out, name));
  }
  await build({ ...COMMON, entryPoints: [join(HERE, "demo.ts")], outfile: join(out, "demo.js") });
  const files = await listFiles(out);
  const page = files.filter((file) => !LATER.test(file));
  await build({
    ...COMMON,
    format: "iife",
    entryPoints: [join(HERE, "sw.ts")],
    outfile: join(out, WORKER),
    define: {
      VERSION: JSON.stringify(await versionOf(out, files)),
      FILES: JSON.stringify(page.map((file) => (file === "index.html" ? "./" : file))),
      LATE: JSON.stringify(await lateFiles(out, files)),
    },
  });
}

/** All files in a folder but the service worker, with slashes, in order. */
async function listFiles(folder) {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = found.filter((entry) => entry.isFile());
  const names = files.map((entry) => relative(folder, join(entry.parentPath, entry.name)));
  return names.map((name) => name.split(sep).join("/")).filter((name) => name !== WORKER).sort();
}

/** Names and SHA-256 of what is fetched when it is first used, but networks: the decoder keeps them
 * itself. */
async function lateFiles(folder, files) {
  const late = files.filter((file) => LATER.test(file) && !file.endsWith(".onnx"));
  const hash = async (file) =>
    createHash("sha256").update(await readFile(join(folder, file))).digest("hex");
  return Object.fromEntries(await Promise.all(late.map(async (file) => [file, await hash(file)])));
}

async function versionOf(folder, files) {
  const hash = createHash("sha256");
  for (const file of files) hash.update(`${file}\n`).update(await readFile(join(folder, file)));
  return hash.digest("hex").slice(0, 16);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [out] = process.argv.slice(2);
  if (!out) throw new Error("usage: node build.mjs OUT");
  await buildDemo(out);
}
