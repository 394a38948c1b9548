/** ICC profiles of a few numbers. */

import { u32 } from "./files.mjs";

export const SRGB = [0.4361, 0.2225, 0.0139, 0.3851, 0.7169, 0.0971, 0.1431, 0.0606, 0.7141];
export const P3 = [0.5151, 0.2412, -0.0011, 0.2919, 0.6922, 0.0419, 0.1572, 0.0666, 0.7841];
export const ADOBE = [0.6097, 0.3111, 0.0195, 0.2053, 0.6257, 0.0609, 0.1492, 0.0632, 0.7446];

const HEADER_BYTES = 128;
const SRGB_CURVE = [2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045];

function ascii(text) {
  return [...text].map((letter) => letter.charCodeAt(0));
}

function s15(value) {
  return u32(Math.round(value * 65536));
}

/** A profile of primaries, or of gray, and the curve of sRGB or, with gamma, of 2.2. */
export function profileOf(primaries, { gamma = false, gray = false } = {}) {
  const curve = gamma
    ? [...ascii("curv"), ...u32(0), ...u32(1), 2, 51, 0, 0]
    : [...ascii("para"), ...u32(0), 0, 3, 0, 0, ...SRGB_CURVE.flatMap(s15)];
  const xyz = (values) => [...ascii("XYZ "), ...u32(0), ...values.flatMap(s15)];
  const colorant = (n) => xyz(primaries.slice(3 * n, 3 * n + 3));
  const colours = gray
    ? [["kTRC", curve]]
    : [
        ["rXYZ", colorant(0)],
        ["gXYZ", colorant(1)],
        ["bXYZ", colorant(2)],
        ["rTRC", curve],
        ["gTRC", curve],
        ["bTRC", curve],
      ];
  return withTags(gray ? "GRAY" : "RGB ", [["wtpt", xyz([0.9642, 1, 0.8249])], ...colours]);
}

function withTags(samples, tags) {
  let at = HEADER_BYTES + 4 + 12 * tags.length;
  const entries = tags.flatMap(([name, data]) => {
    const entry = [...ascii(name), ...u32(at), ...u32(data.length)];
    at += data.length;
    return entry;
  });
  const head = new Uint8Array(HEADER_BYTES);
  head.set(u32(at), 0);
  head.set([4, 0x20], 8);
  head.set(ascii(`mntr${samples}XYZ `), 12);
  head.set(ascii("acsp"), 36);
  head.set([0.9642, 1, 0.8249].flatMap(s15), 68);
  return Uint8Array.from([...head, ...u32(tags.length), ...entries, ...tags.flatMap((t) => t[1])]);
}
