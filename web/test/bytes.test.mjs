/** What it takes no model to tell: bytes, headers, chunks, tables, PNG, EXIF, profiles. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { crc32 as zlibCrc, deflateRawSync, deflateSync, gzipSync, inflateRawSync } from "node:zlib";
import { exifOf, u32 } from "./support/files.mjs";
import { manifest, valid, vector, VECTORS } from "./support/paths.mjs";
import { asRgba, readPng } from "./support/png.mjs";
import { ADOBE, P3, profileOf, SRGB } from "./support/profiles.mjs";
import { randomOf } from "./support/random.mjs";
import { loadSources } from "./support/sources.mjs";

const sources = await loadSources();
const random = randomOf(20261127);
const bytesOf = (count) => Uint8Array.from({ length: count }, () => random.below(256));

test("CRC-32 is that of zlib", () => {
  assert.equal(sources.crc32(new TextEncoder().encode("123456789")), 0xcbf43926);
  for (const length of [0, 1, 7, 8, 9, 1000]) {
    const data = bytesOf(length);
    const cut = length >> 1;
    const parts = sources.crc32(data.subarray(cut), sources.crc32(data.subarray(0, cut)));
    assert.equal(parts, sources.crc32(data));
    if (zlibCrc) assert.equal(sources.crc32(data), zlibCrc(data));
  }
});

test("SHA-256 is that of OpenSSL", () => {
  for (const length of [0, 1, 55, 56, 63, 64, 65, 119, 120, 5000]) {
    const data = bytesOf(length);
    assert.equal(sources.sha256(data), createHash("sha256").update(data).digest("hex"));
  }
});

for (const { name, error, found_by: by } of manifest.invalid) {
  test(`${by === "info" ? "refused" : "not refused"} without a model: ${name}`, () => {
    const told = () => sources.infoOf(vector(`invalid/${name}.aec`));
    if (by !== "info") return told();
    assert.throws(told, (thrown) => {
      assert.ok(thrown instanceof sources.AecError);
      assert.ok(thrown.message.includes(error), `${thrown.message} does not say: ${error}`);
      return true;
    });
  });
}

test("what a file says of itself is what the manifest says", () => {
  for (const entry of manifest.valid) {
    const info = sources.infoOf(valid(entry.name));
    for (const key of ["width", "height", "mode", "q", "tile", "tiles"]) {
      assert.equal(info[key], entry[key], `${entry.name}: ${key}`);
    }
    assert.deepEqual(
      info.chunks.map(({ type, bytes }) => [type, bytes]),
      entry.chunks,
    );
    assert.equal(info.modelId, manifest.model);
  }
  assert.equal(sources.infoOf(valid("q-0")).quality, 1);
  assert.equal(sources.infoOf(valid("q-63")).quality, 100);
});

test("a file cut anywhere is refused, unless told partial, behind the head of a tile", () => {
  for (const name of ["tiles-3x2-of-64-rgb", "chunks-all", "rgb-33x17"]) {
    const file = valid(name);
    const first = sources.readHead(file).start + 8;
    for (let length = 0; length < file.length; length++) {
      const cut = file.subarray(0, length);
      assert.throws(() => sources.readContainer(cut), sources.AecError);
      if (length < first) {
        assert.throws(() => sources.readContainer(cut, true), sources.AecError);
        continue;
      }
      const { payloads } = sources.readContainer(cut, true);
      assert.ok(payloads.some((payload) => payload.cut));
    }
  }
});

test("a wrong head of a tile that is cut is damage", () => {
  const file = valid("tiles-2x1-of-64-rgb");
  const end = file.length - 5;
  const head = file.length - 12 - sources.infoOf(file).chunks.at(-1).bytes;
  for (const at of [head + 3, head + 4]) {
    const damaged = file.slice(0, end);
    damaged[at] ^= 2;
    assert.throws(() => sources.readContainer(damaged, true), /tile 1 \(column 1, row 0\)/);
  }
  assert.ok(sources.readContainer(file.subarray(0, end), true).payloads[1].cut);
});

test("no tile announces more than it may have, though its bytes are still arriving", () => {
  const file = valid("rgb-33x17");
  const { start } = sources.readHead(file);
  const cut = file.slice(0, start + 8);
  cut[start] = 0x10;
  assert.throws(() => sources.readContainer(cut, true), /the limit is 268435456/);
});

test("boxes are cut, grown and shrunk as SPEC 2.7, 5.3 and 5.7 say", () => {
  const { Box } = sources;
  const whole = new Box(0, 0, 100, 150);
  assert.equal(whole.parts(64).length, 6);
  assert.deepEqual({ ...whole.parts(64)[5] }, { top: 64, left: 128, bottom: 100, right: 150 });
  const grown = new Box(64, 64, 100, 128).grown(48, 150, 100);
  assert.deepEqual({ ...grown }, { top: 16, left: 16, bottom: 128, right: 176 });
  assert.deepEqual({ ...whole.shrunk(8) }, { top: 0, left: 0, bottom: 13, right: 19 });
  assert.deepEqual(new Box(64, 64, 100, 129).latentSize(), [4, 8]);
});

/** The decoder of SPEC 4.4, in the words of the specification. */
function* statesOf(words, frequencies) {
  const left = [...words];
  let state = BigInt(left.shift() ?? 0);
  const refill = () => {
    if (state < 1n << 32n && left.length) state = (state << 32n) + BigInt(left.shift());
  };
  refill();
  for (;;) {
    const place = Number(state % (1n << 24n));
    let entry = 0;
    let start = 0;
    while (place >= start + frequencies[entry]) start += frequencies[entry++];
    state = (state >> 24n) * BigInt(frequencies[entry]) + BigInt(place - start);
    refill();
    yield entry;
  }
}

function tablesFor(frequencies) {
  const sizes = Array(64).fill(frequencies.length);
  return sources.makeTables(sizes, Array(64).fill(frequencies).flat());
}

test("symbols are those of SPEC 4.4, done with integers of any size", () => {
  for (let run = 0; run < 60; run++) {
    const size = 4 + 2 * random.below(run % 3 ? 200 : 4);
    const frequencies = Array.from({ length: size }, () => 1 + random.below(run % 2 ? 3 : 50000));
    frequencies[random.below(size)] += 2 ** 24 - frequencies.reduce((a, b) => a + b);
    const [table] = tablesFor(frequencies);
    const payload = bytesOf(4 * random.below(40));
    if (payload.length) payload[0] |= 1;
    const words = new Uint32Array(payload.buffer);
    const decoder = new sources.AnsDecoder(payload);
    const symbols = new Int32Array(300);
    decoder.decode(table, Uint32Array.from(symbols.keys()), symbols);
    const reference = statesOf(words, frequencies);
    const expected = Array.from(symbols, () => reference.next().value - table.largest);
    assert.deepEqual([...symbols], expected);
  }
});

test("uniform numbers are those of SPEC 4.4", () => {
  for (const count of [2, 17, 1024, 65536]) {
    const share = Math.floor(2 ** 24 / count);
    const frequencies = Array(count).fill(share);
    frequencies[count - 1] = 2 ** 24 - share * (count - 1);
    const payload = bytesOf(160);
    payload[0] |= 1;
    const decoder = new sources.AnsDecoder(payload);
    const reference = statesOf(new Uint32Array(payload.buffer), frequencies);
    for (let n = 0; n < 100; n++) assert.equal(decoder.uniform(count), reference.next().value);
  }
});

test("tables that are none are refused", () => {
  const good = [2 ** 24 - 3, 1, 1, 1];
  assert.equal(tablesFor(good).length, 64);
  for (const bad of [
    [2 ** 24 - 2, 1, 1],
    [2 ** 24 - 2, 1, 1, 0],
    [2 ** 24 - 2, 1, 1, 1],
  ]) {
    assert.throws(() => tablesFor(bad), sources.AecError);
  }
});

function pngChunk(type, data) {
  const named = Buffer.concat([Buffer.from(type), data]);
  return Buffer.concat([
    Buffer.from(u32(data.length)),
    named,
    Buffer.from(u32(sources.crc32(named))),
  ]);
}

/** A PNG file of gray samples with filter types in turn. */
function grayPng(samples, width, height) {
  const lines = [];
  let before = [];
  for (let row = 0; row < height; row++) {
    const line = samples.subarray(row * width, (row + 1) * width);
    const type = row % 5;
    lines.push(type, ...line.map((value, n) => value - predicted(type, line, before, n)));
    before = line;
  }
  const ihdr = Buffer.from([...u32(width), ...u32(height), 8, 0, 0, 0, 0]);
  const zlib = deflateSync(Uint8Array.from(lines));
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const idat = [zlib.subarray(0, 5), zlib.subarray(5)].map((part) => pngChunk("IDAT", part));
  const end = pngChunk("IEND", Buffer.alloc(0));
  return new Uint8Array(Buffer.concat([signature, pngChunk("IHDR", ihdr), ...idat, end]));
}

function predicted(type, line, before, n) {
  const [a, b, c] = [line[n - 1] ?? 0, before[n] ?? 0, n ? (before[n - 1] ?? 0) : 0];
  const [pa, pb, pc] = [b - c, a - c, a + b - 2 * c].map(Math.abs);
  return [0, a, b, (a + b) >> 1, pa <= pb && pa <= pc ? a : pb <= pc ? b : c][type];
}

test("alpha is read, with every filter", () => {
  for (const [width, height] of [
    [1, 1],
    [2, 9],
    [13, 11],
    [64, 40],
  ]) {
    const samples = bytesOf(width * height);
    const alpha = sources.readAlpha(grayPng(samples, width, height), width, height);
    assert.deepEqual(alpha.samples, samples, `${width}x${height}`);
  }
});

test("alpha is refused whatever byte of it is another, where it is cut, with a byte more", () => {
  const file = grayPng(bytesOf(20 * 30), 20, 30);
  const refused = (data) => assert.throws(() => sources.readAlpha(data, 20, 30), sources.AecError);
  for (let at = 0; at < file.length; at++) {
    const damaged = file.slice();
    damaged[at] ^= 0x55;
    refused(damaged);
    refused(file.subarray(0, at));
  }
  refused(Uint8Array.of(...file, 0));
});

/** A zlib stream around what may be Deflate, as far as zlib reads it, and what it reads there. */
function zlibOf(deflated) {
  let [output, end] = [undefined, deflated.length];
  try {
    const { buffer, engine } = inflateRawSync(deflated, { info: true });
    [output, end] = [new Uint8Array(buffer), engine.bytesWritten];
  } catch {}
  let [a, b] = [1, 0];
  for (const byte of output ?? []) b = (b + (a = (a + byte) % 65521)) % 65521;
  const stream = Uint8Array.of(0x78, 0x9c, ...deflated.subarray(0, end), ...u32(b * 65536 + a));
  return { output, stream };
}

test("zlib streams are read and refused as zlib does it", () => {
  let read = 0;
  for (let run = 0; run < 10000; run++) {
    const most = 2 + random.below(30);
    const product = () => random.below(most) * random.below(most);
    const data = Uint8Array.from({ length: 1 + random.below(run % 99 ? 300 : 9999) }, product);
    const options = { level: random.below(10), strategy: random.below(5) };
    const deflated = deflateRawSync(data, options);
    for (let flips = random.below(3); flips; flips--) {
      deflated[random.below(Math.min(30, deflated.length))] ^= 1 << random.below(8);
    }
    const { output, stream } = zlibOf(deflated);
    read += Boolean(output);
    if (output) {
      assert.deepEqual(sources.inflated(stream, output.length), output);
      const behind = Uint8Array.of(...stream, ...stream.subarray(-4));
      for (const [bytes, length] of [
        [stream, output.length + 1],
        [stream, output.length - 1],
        [behind, output.length],
        [stream.subarray(0, -1), output.length],
      ]) {
        if (length >= 0) assert.throws(() => sources.inflated(bytes, length), sources.AecError);
      }
    } else assert.throws(() => sources.inflated(stream, 1e5), sources.AecError);
  }
  assert.ok(read > 5000 && read < 9000, String(read));
});

test("no header but that of zlib will do, and no more memory is reserved than is wanted", () => {
  const data = new Uint8Array(1e6);
  for (const pack of [gzipSync, deflateRawSync]) {
    assert.throws(() => sources.inflated(pack(data), data.length), /zlib stream is damaged/);
  }
  const stream = deflateSync(data);
  assert.equal(sources.inflated(stream, data.length).buffer.byteLength, data.length + 1);
  assert.throws(() => sources.inflated(stream, 9), /more than 9 bytes/);
});

test("means of alpha are rounded, halves up", () => {
  const alpha = {
    width: 4,
    height: 3,
    samples: Uint8Array.of(0, 255, 9, 9, 255, 255, 9, 9, 1, 2, 3, 4),
  };
  const { width, height, samples } = sources.reducedAlpha(alpha, 2);
  assert.deepEqual([width, height, ...samples], [2, 2, 191, 9, 2, 4]);
});

test("a PNG file has the pixels, the profile, EXIF and XMP", async () => {
  const [width, height] = [300, 2000];
  for (const [gray, hasAlpha] of [
    [false, false],
    [false, true],
    [true, false],
    [true, true],
  ]) {
    const rgba = new Uint8ClampedArray(bytesOf(4 * width * height));
    for (let n = 0; n < rgba.length; n += 4) {
      if (gray) rgba[n + 1] = rgba[n + 2] = rgba[n];
      if (!hasAlpha) rgba[n + 3] = 255;
    }
    const [exif, xmp] = [Uint8Array.from(exifOf(6)), bytesOf(90)];
    const [own, other] = gray ? ["GRAY", "RGB "] : ["RGB ", "GRAY"];
    const picture = { width, height, rgba, gray, hasAlpha, exif, xmp };
    const parts = await sources.pngOf({ ...picture, icc: headOf(own) });
    const png = readPng(new Uint8Array(Buffer.concat(parts)));
    assert.equal(png.channels, (gray ? 1 : 3) + (hasAlpha ? 1 : 0));
    assert.deepEqual(asRgba(png), new Uint8Array(rgba));
    assert.deepEqual(png.chunks.get("eXIf"), exif);
    assert.ok(Buffer.from(png.chunks.get("iTXt")).subarray(22).equals(Buffer.from(xmp)));
    assert.ok(png.chunks.has("iCCP"));
    const without = await sources.pngOf({ ...picture, icc: headOf(other) });
    assert.ok(!readPng(new Uint8Array(Buffer.concat(without))).chunks.has("iCCP"));
  }
});

/** The beginning of a profile for such samples, and some bytes. */
function headOf(samples) {
  const icc = bytesOf(500);
  icc.set(Buffer.from(samples), 16);
  icc.set(Buffer.from("acsp"), 36);
  return icc;
}

test("orientations are read, of either byte order, and nothing of damaged EXIF is believed", () => {
  for (let value = 1; value <= 8; value++) {
    assert.equal(sources.orientationOf(Uint8Array.from(exifOf(value))), value);
  }
  const little = [0x49, 0x49, 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0];
  assert.equal(sources.orientationOf(Uint8Array.from(little)), 6);
  assert.equal(sources.orientationOf(undefined), 1);
  for (const value of [0, 9, 200]) {
    assert.equal(sources.orientationOf(Uint8Array.from(exifOf(value))), 1);
  }
  const whole = Uint8Array.from(exifOf(6));
  for (let length = 0; length < 22; length++) {
    assert.equal(sources.orientationOf(whole.subarray(0, length)), 1);
  }
  for (let run = 0; run < 5000; run++) {
    const damaged = whole.slice();
    for (let n = 0; n < 3; n++) damaged[random.below(damaged.length)] = random.below(256);
    const orientation = sources.orientationOf(damaged);
    assert.ok(orientation >= 1 && orientation <= 8);
  }
});

test("pixels are turned as each orientation says", () => {
  const [width, height] = [3, 2];
  const rgba = new Uint8ClampedArray(Uint32Array.of(1, 2, 3, 4, 5, 6).buffer);
  const seen = {
    1: [3, 1, 2, 3, 4, 5, 6],
    2: [3, 3, 2, 1, 6, 5, 4],
    3: [3, 6, 5, 4, 3, 2, 1],
    4: [3, 4, 5, 6, 1, 2, 3],
    5: [2, 1, 4, 2, 5, 3, 6],
    6: [2, 4, 1, 5, 2, 6, 3],
    7: [2, 6, 3, 5, 2, 4, 1],
    8: [2, 3, 6, 2, 5, 1, 4],
  };
  for (const [orientation, [across, ...pixels]] of Object.entries(seen)) {
    const turned = sources.turnedUpright({ width, height, rgba }, Number(orientation));
    assert.equal(turned.width, across);
    assert.deepEqual([...new Uint32Array(turned.rgba.buffer)], pixels);
  }
});

test("profiles that a canvas has are told from others", () => {
  const { coloursOf } = sources;
  assert.equal(coloursOf(undefined, false), "srgb");
  assert.equal(coloursOf(profileOf(SRGB), false), "srgb");
  assert.equal(coloursOf(profileOf(P3), false), "display-p3");
  assert.equal(coloursOf(profileOf(ADOBE), false), "other");
  assert.equal(coloursOf(profileOf(SRGB, { gamma: true }), false), "other");
  assert.equal(coloursOf(profileOf([], { gray: true }), true), "srgb");
  assert.equal(coloursOf(profileOf([], { gray: true, gamma: true }), true), "other");
  assert.equal(coloursOf(profileOf(ADOBE), true), "srgb");
  const profile = profileOf(P3);
  for (let run = 0; run < 5000; run++) {
    const damaged = profile.slice(0, random.below(profile.length));
    for (let n = 0; n < 4; n++) damaged[random.below(damaged.length)] = random.below(256);
    assert.ok(["srgb", "display-p3", "other"].includes(coloursOf(damaged, false)));
  }
});

test("every vector is tested", () => {
  for (const kind of ["valid", "invalid"]) {
    const files = readdirSync(`${VECTORS}${kind}`).filter((name) => name.endsWith(".aec"));
    assert.deepEqual(files.sort(), manifest[kind].map(({ name }) => `${name}.aec`).sort());
  }
  assert.ok(readFileSync(`${VECTORS}valid/q-63.png`).length > 0);
});
