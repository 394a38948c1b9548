/** Alpha, kept losslessly: a chunk that holds a PNG file of 8-bit gray (SPEC 3.6). */

import { latin1, same, u32 } from "./bytes.js";
import { about, AecError } from "./errors.js";
import { readGrayPng } from "./png-reader.js";

const START_BYTES = 29;
const PNG_SIGNATURE = "\x89PNG\r\n\x1a\n";
/** Of IHDR: bits, colour type, compression, filtering, interlacing. */
const GRAY = Uint8Array.of(8, 0, 0, 0, 0);

/** Samples of 8 bits [height, width]. */
export interface Alpha {
  readonly width: number;
  readonly height: number;
  readonly samples: Uint8Array;
}

/** The alpha of a picture of that size. Throws AecError, before memory is reserved where it can. */
export function readAlpha(data: Uint8Array, width: number, height: number): Alpha {
  if (data.length < START_BYTES) throw new AecError("the chunk ALPH is cut");
  const [signature, head] = [data.subarray(0, 8), data.subarray(8, 16)];
  if (latin1(signature) !== PNG_SIGNATURE || latin1(head) !== "\0\0\0\x0dIHDR") {
    throw new AecError("the chunk ALPH is not a PNG file");
  }
  const form = data.subarray(24, START_BYTES);
  if (u32(data, 16) !== width || u32(data, 20) !== height || !same(form, GRAY)) {
    const size = `${width}x${height} pixels`;
    throw new AecError(`the chunk ALPH is not 8-bit gray of ${size} without interlacing`);
  }
  return about("the chunk ALPH cannot be decoded: ", () => ({
    width,
    height,
    samples: readGrayPng(data, width, height),
  }));
}

/** Means of r x r samples, fewer at the edges, as SPEC 3.8 rounds them. */
export function reducedAlpha(alpha: Alpha, r: number): Alpha {
  if (r === 1) return alpha;
  const [width, height] = [Math.ceil(alpha.width / r), Math.ceil(alpha.height / r)];
  const samples = new Uint8Array(width * height);
  const sums = new Float64Array(width);
  for (let row = 0; row < height; row++) {
    const bottom = Math.min(alpha.height, (row + 1) * r);
    sums.fill(0);
    for (let y = row * r; y < bottom; y++) addRow(alpha, y, r, sums);
    for (let column = 0; column < width; column++) {
      const across = Math.min(alpha.width, (column + 1) * r) - column * r;
      const count = across * (bottom - row * r);
      samples[row * width + column] = Math.floor((sums[column]! + (count >> 1)) / count);
    }
  }
  return { width, height, samples };
}

function addRow(alpha: Alpha, y: number, r: number, sums: Float64Array): void {
  const start = y * alpha.width;
  for (let x = 0; x < alpha.width; x++) sums[Math.floor(x / r)]! += alpha.samples[start + x]!;
}
