/** Decoded pixels against expected ones (SPEC 7.3). */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { VECTORS } from "./paths.mjs";
import { asRgba, readPng } from "./png.mjs";

/** image: { width, height, data }, RGBA; beside: the expected PNG file, by name. Returns how many
 * samples of colour differ, and of how many. */
export function checkPixels(image, beside, { peak_error: peak, rmse }) {
  const png = readPng(new Uint8Array(readFileSync(`${VECTORS}valid/${beside}.png`)));
  assert.deepEqual([image.width, image.height], [png.width, png.height], beside);
  const expected = asRgba(png);
  let squares = 0;
  let apart = 0;
  let highest = 0;
  for (let n = 0; n < expected.length; n++) {
    const difference = Math.abs(image.data[n] - expected[n]);
    if (n % 4 === 3) assert.equal(difference, 0, `${beside}: alpha`);
    highest = Math.max(highest, difference);
    squares += difference ** 2;
    apart += difference > 0;
  }
  const samples = (expected.length * 3) / 4;
  assert.ok(highest <= peak, `${beside}: a sample is ${highest} levels apart`);
  assert.ok(Math.sqrt(squares / samples) <= rmse, `${beside}: rmse`);
  return { apart, samples };
}
