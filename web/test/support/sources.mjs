/** Modules of src/, for tests of what is not public. */

import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { WEB } from "./paths.mjs";

const NAMES = [
  "alpha", "ans", "box", "bytes", "container", "crc", "errors", "header", "icc", "inflate", "info",
  "latents", "model", "orientation", "payload", "picture", "planes", "png", "runtime", "sha256",
  "tables",
];

/** All of them, bundled as the build does for node, as one module. */
export async function loadSources() {
  const folder = mkdtempSync(join(tmpdir(), "aecodec-test-"));
  const outfile = join(folder, "sources.mjs");
  const runtime = `${WEB}node_modules/onnxruntime-web/dist/ort.node.min.mjs`;
  await build({
    stdin: {
      contents: NAMES.map((name) => `export * from "./src/${name}.ts";`).join("\n"),
      resolveDir: WEB,
    },
    bundle: true,
    format: "esm",
    platform: "node",
    outfile,
    alias: { "onnxruntime-web/wasm": runtime },
    logLevel: "error",
  });
  const sources = await import(pathToFileURL(outfile).href);
  sources.configureRuntime(1, pathToFileURL(`${WEB}dist/`).href);
  return sources;
}
