/** Builds dist/: for pages index.js, worker.js and images.js, for node node.js; beside them the
 * WebAssembly of ONNX Runtime Web, and the models that lie in models/. Declarations are made by
 * tsc. */

import { existsSync } from "node:fs";
import { copyFile, cp, mkdir, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const at = (name) => fileURLToPath(new URL(name, import.meta.url));
const RUNTIME = "node_modules/onnxruntime-web/dist/";
const RUNTIME_FILES = ["ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"];

const shared = {
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  legalComments: "inline",
  absWorkingDir: at("."),
};

/** Has one file take the place of another, where our own modules import it. */
function instead(filter, file) {
  const resolved = ({ importer }) => (importer.startsWith(at("src/")) ? { path: at(file) } : null);
  return { name: "instead", setup: ({ onResolve }) => onResolve({ filter }, resolved) };
}

/** index.js stays a module of its own, which images.js imports: a page has one worker. */
const ownIndex = {
  name: "own-index",
  setup: ({ onResolve }) =>
    onResolve({ filter: /^\.\/index\.js$/ }, () => ({ path: "./index.js", external: true })),
};

await rm(at("dist"), { recursive: true, force: true });
await mkdir(at("dist"));
await Promise.all([
  build({ ...shared, entryPoints: ["src/index.ts"], outdir: "dist" }),
  build({ ...shared, entryPoints: ["src/images.ts"], outdir: "dist", plugins: [ownIndex] }),
  build({
    ...shared,
    entryPoints: ["src/worker.ts"],
    outdir: "dist",
    plugins: [instead(/^onnxruntime-web\/wasm$/, `${RUNTIME}ort.wasm.min.mjs`)],
  }),
  build({
    ...shared,
    entryPoints: { node: "src/index.ts" },
    outdir: "dist",
    platform: "node",
    plugins: [
      instead(/^onnxruntime-web\/wasm$/, `${RUNTIME}ort.node.min.mjs`),
      instead(/^\.\/backend\.js$/, "src/backend-node.ts"),
    ],
  }),
  ...RUNTIME_FILES.map((name) => copyFile(at(RUNTIME + name), at(`dist/${name}`))),
  existsSync(at("models")) && cp(at("models"), at("dist/models"), { recursive: true }),
]);
