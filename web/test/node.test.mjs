/** Decoding in node: all vectors, pieces, partial files, sizes, aborts. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { before, test } from "node:test";
import * as aecodec from "../dist/node.js";
import { checkPixels } from "./support/compare.mjs";
import { exifOf, takeApart, withChunk } from "./support/files.mjs";
import { manifest, MODELS, requireModel, valid, vector } from "./support/paths.mjs";
import { readPng, asRgba } from "./support/png.mjs";
import { loadSources } from "./support/sources.mjs";

const models = MODELS;
const { AecError, decode, info, toPng } = aecodec;
const sources = await loadSources();

before(requireModel);

test("what is public is what is promised", () => {
  assert.deepEqual(Object.keys(aecodec).sort(), ["AecError", "decode", "info", "renderInto", "toPng"]);
});

for (const entry of manifest.valid) {
  test(`decoded: ${entry.name}`, async () => {
    checkPixels(await decode(valid(entry.name), { models, stored: true }), entry.name, entry);
    if (!entry.preview_symbols_sha256) return;
    const preview = await decode(valid(entry.name), { models, stored: true, preview: true });
    checkPixels(preview, `${entry.name}.preview`, entry);
  });
}

for (const { name, error, found_by: by } of manifest.invalid) {
  test(`refused: ${name}`, async () => {
    const file = vector(`invalid/${name}.aec`);
    await assert.rejects(decode(file, { models }), (thrown) => {
      assert.ok(thrown instanceof AecError, String(thrown.stack));
      assert.ok(thrown.message.includes(error), `${thrown.message} does not say: ${error}`);
      return true;
    });
    if (by === "decode") info(file);
  });
}

/** Reads files of models below a folder, as the library does. */
const files = {
  base: MODELS,
  read: async (path) => new Uint8Array(await readFile(MODELS + path)),
};
const watch = { progress: () => {}, pause: async () => {} };

test("symbols are exact, and escapes are counted", async () => {
  const model = await sources.loadModel(manifest.model, files);
  for (const entry of manifest.valid) {
    const file = sources.readContainer(valid(entry.name));
    const parts = [];
    for await (const values of new sources.Decoder(model, file, watch).allLatents()) {
      parts.push(new Uint8Array(values.buffer));
    }
    assert.equal(sources.sha256(sources.joined(parts)), entry.symbols_sha256, entry.name);
  }
});

test("pieces fit together as if the picture were one, at every size", async () => {
  const model = await sources.loadModel(manifest.model, files);
  for (const name of ["tiles-3x2-of-128-rgb", "tiles-3x2-of-128-gray-alpha", "filter-2", "q-63"]) {
    const file = sources.readContainer(valid(name));
    for (const reduction of [1, 2, 4, 8]) {
      const whole = await new sources.Decoder(model, file, watch).decode(reduction);
      const pieces = await new sources.Decoder(model, file, watch, false, 64).decode(reduction);
      let highest = 0;
      whole.rgba.forEach((value, n) => {
        highest = Math.max(highest, Math.abs(value - pieces.rgba[n]));
      });
      assert.ok(highest <= 1, `${name} at 1/${reduction}: ${highest}`);
    }
  }
});

test("smaller pictures are near to means of the whole", async () => {
  const whole = await decode(valid("tiles-3x2-of-128-rgb"), { models, stored: true });
  for (const [scale, most] of [[2, 1], [4, 6], [8, 6]]) {
    const small = await decode(valid("tiles-3x2-of-128-rgb"), { models, stored: true, scale });
    assert.equal(small.width, Math.ceil(290 / scale));
    assert.equal(small.height, Math.ceil(180 / scale));
    let sum = 0;
    let count = 0;
    for (let y = 0; y < Math.floor(180 / scale); y++) {
      for (let x = 0; x < Math.floor(290 / scale); x++, count++) {
        let mean = 0;
        for (let n = 0; n < scale * scale; n++) {
          const at = (y * scale + Math.floor(n / scale)) * 290 + x * scale + (n % scale);
          mean += whole.data[4 * at] / scale ** 2;
        }
        sum += Math.abs(mean - small.data[4 * (y * small.width + x)]);
      }
    }
    assert.ok(sum / count < most, `1/${scale}: ${sum / count} levels apart`);
  }
});

test("of a file that is still arriving, the more there is the nearer it is", async () => {
  const file = valid("q-63");
  const whole = await decode(file, { models });
  const { header, chunks } = takeApart(file);
  const head = header.length + 4 + 12 + chunks[0].data.length + 8;
  await assert.rejects(decode(file.subarray(0, file.length - 1), { models }), AecError);
  const errors = [];
  for (const share of [0, 0.3, 0.7, 1]) {
    const notes = [];
    const length = Math.floor(head + share * (file.length - head - 1));
    const options = { models, partial: true, onNote: (text) => notes.push(text) };
    const image = await decode(file.subarray(0, length), options);
    errors.push(image.data.reduce((sum, value, n) => sum + (value - whole.data[n]) ** 2, 0));
    assert.deepEqual(notes, ["cut off: detail is missing"]);
  }
  assert.deepEqual(errors, errors.toSorted((a, b) => b - a));
  const tiles = valid("tiles-3x2-of-64-rgb");
  const notes = [];
  await decode(tiles.subarray(0, 260), { models, partial: true, onNote: (n) => notes.push(n) });
  assert.match(notes[0], /^cut off: detail is missing in \d of 6 tiles$/);
  await decode(tiles, { models, partial: true, onNote: assert.fail });
});

test("pictures are turned upright by EXIF, but not where they are to be as stored", async () => {
  const file = withChunk(valid("rgb-33x17"), "exif", exifOf(6));
  const stored = await decode(file, { models, stored: true });
  const upright = await decode(file, { models });
  assert.deepEqual([stored.width, stored.height, upright.width, upright.height], [33, 17, 17, 33]);
  assert.deepEqual(upright.data.slice(0, 4), stored.data.slice(4 * 33 * 16, 4 * 33 * 16 + 4));
});

test("a PNG file has the pixels as they are stored, or upright and without EXIF", async () => {
  const file = withChunk(valid("rgb-alpha-33x17"), "exif", exifOf(6));
  const image = await decode(file, { models, stored: true });
  const blob = await toPng(file, { models });
  assert.equal(blob.type, "image/png");
  const png = readPng(new Uint8Array(await blob.arrayBuffer()));
  assert.deepEqual(asRgba(png), new Uint8Array(image.data));
  assert.deepEqual([...png.chunks.get("eXIf")], exifOf(6));
  const turned = await toPng(file, { models, stored: false });
  const upright = readPng(new Uint8Array(await turned.arrayBuffer()));
  assert.deepEqual([upright.width, upright.height], [17, 33]);
  assert.ok(!upright.chunks.has("eXIf"));
});

test("progress rises to its total", async () => {
  const seen = [];
  const onProgress = (done, total) => seen.push([done, total]);
  await decode(valid("tiles-3x2-of-64-rgb"), { models, onProgress });
  assert.ok(seen.length > 6);
  assert.deepEqual(seen, seen.toSorted((a, b) => a[0] - b[0]));
  assert.equal(seen.at(-1)[0], seen.at(-1)[1]);
  assert.equal(new Set(seen.map(([, total]) => total)).size, 1);
});

test("an abort rejects with AbortError, and the next decode is none the worse", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const onProgress = () => controller.abort();
  const file = valid("tiles-3x2-of-64-rgb");
  await assert.rejects(decode(file, { models, signal, onProgress }), { name: "AbortError" });
  await assert.rejects(decode(file, { models, signal }), { name: "AbortError" });
  await decode(file, { models });
});

test("what is asked for in vain is refused in words", async () => {
  const file = valid("rgb-1x1");
  const refused = (options, text, bytes = file) =>
    assert.rejects(decode(bytes, { models, ...options }), { name: "AecError", message: text });
  await refused({ scale: 3 }, "scale is 1, 2, 4 or 8, not 3");
  await refused({ threads: 0 }, "threads is an integer 1 to 64, not 0");
  await refused({ preview: true }, "the file has no preview");
  await refused({ maxPixels: 1 }, "65x1 is over the limit of 1 pixels", valid("rgb-65x1"));
  await refused({}, "a file is an ArrayBuffer or a Uint8Array", "bytes");
  const missing = new RegExp(`^model ${manifest.model} is not installed; none lies at file:.*/none/$`);
  await refused({ models: "none" }, missing);
});

test("a model that is damaged is refused, and a whole one taken afterwards", async () => {
  const spoilt = {
    base: MODELS,
    read: async (path) => {
      const data = await files.read(path);
      if (path.endsWith("hyper.onnx")) data[1000] ^= 1;
      return data;
    },
  };
  const model = await sources.loadModel(manifest.model, spoilt);
  const decoder = new sources.Decoder(model, sources.readContainer(valid("q-0")), watch);
  const message = `model ${manifest.model} is damaged: hyper.onnx is another file`;
  await assert.rejects(decoder.decode(1), { name: "AecError", message });
  spoilt.read = files.read;
  await decoder.decode(1);
});
