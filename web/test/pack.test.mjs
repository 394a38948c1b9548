/** The package: packed, installed into an empty project, used from node. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { requireModel, VECTORS, WEB } from "./support/paths.mjs";

const SCRIPT = `
import { readFile } from "node:fs/promises";
import { AecError, decode, info, toPng } from "aecodec";
const [file] = process.argv.slice(2);
const bytes = await readFile(file);
const { width, height } = await decode(bytes);
const png = await toPng(bytes);
const refused = await decode(bytes.subarray(1)).catch((error) => error instanceof AecError);
const { tile } = info(bytes);
console.log(JSON.stringify({ width, height, png: png.size > 22500, tile, refused }));
`;

const TYPED = `
import { decode, type DecodeOptions, type Info, info } from "aecodec";
const options: DecodeOptions = { scale: 8 };
export const image: Promise<ImageData> = decode(new Uint8Array(0), options);
export const told: Info = info(new ArrayBuffer(0));
`;

test("the package installs without any other, has the models, and decodes", () => {
  requireModel();
  const folder = mkdtempSync(join(tmpdir(), "aecodec-pack-"));
  const run = (command, args, cwd = folder) =>
    execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  const packed = run(
    "npm",
    ["pack", "--ignore-scripts", "--json", "--pack-destination", folder],
    WEB,
  );
  const [{ filename, files }] = JSON.parse(packed);
  const names = files.map(({ path }) => path);
  for (const name of ["dist/index.js", "dist/node.js", "dist/worker.js", "dist/images.js"]) {
    assert.ok(names.includes(name), name);
  }
  assert.ok(!names.some((name) => /^(src|test|models|node_modules)\//.test(name)));
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  run("npm", ["install", "--offline", "--no-audit", "--no-fund", `./${filename}`]);
  writeFileSync(join(folder, "use.mjs"), SCRIPT);
  const output = run("node", ["use.mjs", `${VECTORS}valid/q-32.aec`]);
  const expected = { width: 100, height: 75, png: true, tile: 1024, refused: true };
  assert.deepEqual(JSON.parse(output), expected);
  writeFileSync(join(folder, "typed.ts"), TYPED);
  const flags = ["--noEmit", "--strict", "--module", "esnext", "--moduleResolution", "bundler"];
  const tsc = join(WEB, "node_modules/typescript/bin/tsc");
  run("node", [tsc, ...flags, "--target", "es2022", "--lib", "es2022,dom", "typed.ts"]);
  assert.ok(readFileSync(join(folder, "node_modules/aecodec/LICENSE")).length > 0);
});
