/** Reads PNG files of 8 bits that are not interlaced: the expected pixels of vectors. */

import { inflateSync } from "node:zlib";

const CHANNELS = { 0: 1, 2: 3, 4: 2, 6: 4 };

/** -> { width, height, channels, samples, chunks: type -> data }. */
export function readPng(data) {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const chunks = new Map();
  const idat = [];
  for (let at = 8; at < data.length; ) {
    const length = view.getUint32(at);
    const type = Buffer.from(data.subarray(at + 4, at + 8)).toString("latin1");
    const body = data.subarray(at + 8, at + 8 + length);
    if (type === "IDAT") idat.push(body);
    chunks.set(type, body);
    at += 12 + length;
  }
  const ihdr = chunks.get("IHDR");
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  const channels = CHANNELS[ihdr[9]];
  if (ihdr[8] !== 8 || ihdr[12] !== 0 || !channels) throw new Error("another kind of PNG");
  const lines = inflateSync(Buffer.concat(idat));
  return { width, height, channels, samples: unfiltered(lines, width * channels, height, channels), chunks };
}

function unfiltered(lines, lineBytes, height, step) {
  const samples = new Uint8Array(lineBytes * height);
  for (let row = 0; row < height; row++) {
    const type = lines[row * (lineBytes + 1)];
    for (let n = 0; n < lineBytes; n++) {
      const at = row * lineBytes + n;
      const a = n >= step ? samples[at - step] : 0;
      const b = row ? samples[at - lineBytes] : 0;
      const c = row && n >= step ? samples[at - lineBytes - step] : 0;
      const pick = [0, a, b, (a + b) >> 1, paeth(a, b, c)][type];
      samples[at] = lines[row * (lineBytes + 1) + 1 + n] + pick;
    }
  }
  return samples;
}

function paeth(a, b, c) {
  const [pa, pb, pc] = [b - c, a - c, a + b - 2 * c].map(Math.abs);
  return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
}

/** Samples of any of the four kinds as RGBA. */
export function asRgba({ width, height, channels, samples }) {
  const rgba = new Uint8Array(4 * width * height);
  for (let n = 0; n < width * height; n++) {
    const at = n * channels;
    const gray = channels < 3;
    rgba[4 * n] = samples[at];
    rgba[4 * n + 1] = samples[at + (gray ? 0 : 1)];
    rgba[4 * n + 2] = samples[at + (gray ? 0 : 2)];
    rgba[4 * n + 3] = channels % 2 ? 255 : samples[at + channels - 1];
  }
  return rgba;
}
