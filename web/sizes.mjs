/** Prints what a page fetches: bytes as they are, and compressed by gzip and Brotli. */

import { readdirSync, readFileSync } from "node:fs";
import { brotliCompressSync, gzipSync } from "node:zlib";

const at = (name) => new URL(name, import.meta.url);
const SCRIPTS = ["index.js", "images.js", "worker.js", "ort-wasm-simd-threaded.mjs"];
const WASM = ["ort-wasm-simd-threaded.wasm"];
const WHOLE = ["model.json", "hyper.onnx", "step1.onnx", "step2.onnx", "step3.onnx", "points.onnx"];

function row(name, files) {
  const data = files.map((file) => readFileSync(at(file)));
  const sums = [(each) => each, gzipSync, brotliCompressSync].map((packed) =>
    data.reduce((sum, each) => sum + packed(each).length, 0),
  );
  const columns = sums.map((sum) => sum.toLocaleString("en").padStart(12));
  console.log(name.padEnd(44), ...columns);
}

console.log("".padEnd(44), ...["bytes", "gzip", "brotli"].map((name) => name.padStart(12)));
row(
  "scripts",
  SCRIPTS.map((name) => `dist/${name}`),
);
row(
  "WebAssembly",
  WASM.map((name) => `dist/${name}`),
);
for (const id of readdirSync(at("models"))) {
  const parts = (names) => names.map((name) => `models/${id}/${name}`);
  row(`${id}: all sizes`, parts(WHOLE));
  row(`${id}: and the whole picture`, parts(["g_s.onnx"]));
  row(`${id}: and 1/4`, parts(["small4.onnx"]));
  row(`${id}: and 1/8, early pictures`, parts(["small8.onnx"]));
  row(`${id}: and filters, by picture`, parts(["filter0.onnx", "filter1.onnx", "filter2.onnx"]));
}
