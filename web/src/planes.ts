/** Planes to pixels (SPEC 5.2), and means of 2 by 2 samples (SPEC 5.7). */

import type { Alpha } from "./alpha.js";
import type { Box } from "./box.js";
import type { Raster } from "./raster.js";

/** x_hat: three planes of samples, [3, height, width]. */
export interface Planes {
  readonly width: number;
  readonly height: number;
  readonly values: Float32Array;
}

/** Writes the planes of `source`, a box of the picture, where they lie in `target`, within both.
 * Alpha becomes 255. Samples round halves to even, as Uint8ClampedArray does. */
export function writeSamples(
  planes: Planes,
  source: Box,
  target: Box,
  raster: Raster,
  gray: boolean,
): void {
  const size = planes.width * planes.height;
  const colours = planes.values;
  for (let row = target.top; row < target.bottom; row++) {
    let from = (row - source.top) * planes.width + target.left - source.left;
    let to = 4 * (row * raster.width + target.left);
    for (const end = to + 4 * target.width; to < end; to += 4, from++) {
      let red = colours[from]!;
      let green = colours[from + size]!;
      let blue = colours[from + 2 * size]!;
      if (gray) red = green = blue = (red + green + blue) / 3;
      raster.rgba[to] = level(red);
      raster.rgba[to + 1] = level(green);
      raster.rgba[to + 2] = level(blue);
      raster.rgba[to + 3] = 255;
    }
  }
}

function level(sample: number): number {
  return 255 * (sample + 0.5);
}

/** Sets the alpha of a raster of its size. */
export function writeAlpha(alpha: Alpha, raster: Raster): void {
  for (let n = 0; n < alpha.samples.length; n++) raster.rgba[4 * n + 3] = alpha.samples[n]!;
}

/** Means of 2 by 2 samples. With alpha, of the whole picture, of which the planes are the box
 * `source`, samples count by what is seen of them; plainly where that is nothing. */
export function halved(planes: Planes, source: Box, alpha?: Alpha): Planes {
  const [width, height] = [planes.width / 2, planes.height / 2];
  const values = new Float32Array(3 * width * height);
  const weights = new Float32Array(4);
  for (let row = 0, n = 0; row < height; row++) {
    for (let column = 0; column < width; column++, n++) {
      weigh(weights, source.top + 2 * row, source.left + 2 * column, alpha);
      for (let c = 0; c < 3; c++) {
        const at = (c * planes.height + 2 * row) * planes.width + 2 * column;
        values[c * width * height + n] = weighedMean(planes, at, weights);
      }
    }
  }
  return { width, height, values };
}

/** The weights of four samples, whose sum is 1. */
function weigh(weights: Float32Array, y: number, x: number, alpha?: Alpha): void {
  weights.fill(1 / 4);
  if (!alpha) return;
  const seen = [0, 1, 2, 3].map((n) => alphaAt(alpha, y + (n >> 1), x + (n & 1)));
  const sum = seen[0]! + seen[1]! + seen[2]! + seen[3]!;
  if (sum) seen.forEach((value, n) => (weights[n] = value / sum));
}

/** 0 beyond the picture. */
function alphaAt(alpha: Alpha, y: number, x: number): number {
  return y < alpha.height && x < alpha.width ? alpha.samples[y * alpha.width + x]! : 0;
}

function weighedMean({ values, width }: Planes, at: number, weights: Float32Array): number {
  const below = at + width;
  return (
    values[at]! * weights[0]! +
    values[at + 1]! * weights[1]! +
    values[below]! * weights[2]! +
    values[below + 1]! * weights[3]!
  );
}
