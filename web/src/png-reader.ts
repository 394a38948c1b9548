/** PNG files of 8-bit gray, as the chunk ALPH holds them (SPEC 3.6). */

import { joined } from "./bytes.js";
import { readChunk } from "./chunks.js";
import { AecError } from "./errors.js";
import { inflated } from "./inflate.js";

const SIGNATURE_BYTES = 8;

/** The samples [height, width] of a file whose signature and IHDR say that it is 8-bit gray of
 * that size, not interlaced. Throws AecError. */
export function readGrayPng(data: Uint8Array, width: number, height: number): Uint8Array {
  const lines = inflated(zlibStream(data), height * (1 + width));
  const samples = new Uint8Array(width * height);
  let above: Uint8Array = new Uint8Array(width);
  for (let row = 0; row < height; row++) {
    const start = row * (1 + width);
    const line = samples.subarray(row * width, (row + 1) * width);
    line.set(lines.subarray(start + 1, start + 1 + width));
    unfilter(lines[start]!, line, above);
    above = line;
  }
  return samples;
}

/** The data of all IDAT of a file, which has IHDR in front, IEND behind, and no more. Its chunks
 * are laid out as ours. */
function zlibStream(data: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [];
  let [, start] = readChunk(data, SIGNATURE_BYTES);
  while (start < data.length) {
    const [chunk, end] = readChunk(data, start);
    if (chunk.type === "IEND" && !chunk.data.length && end === data.length) return joined(parts);
    if (chunk.type !== "IDAT") {
      throw new AecError(`the chunk ${chunk.type} of the PNG file is not allowed there`);
    }
    parts.push(chunk.data);
    start = end;
  }
  throw new AecError("its chunk IEND is missing");
}

/** Undoes a line's filter in place; above: the line before it, unfiltered. */
function unfilter(type: number, line: Uint8Array, above: Uint8Array): void {
  if (type > 4) throw new AecError(`a line has the filter ${type}`);
  if (type === 0) return;
  let left = 0;
  let corner = 0;
  for (let n = 0; n < line.length; n++) {
    const up = above[n]!;
    left = (line[n]! + predicted(type, left, up, corner)) & 255;
    line[n] = left;
    corner = up;
  }
}

function predicted(type: number, left: number, above: number, corner: number): number {
  if (type === 1) return left;
  if (type === 2) return above;
  if (type === 3) return (left + above) >> 1;
  const a = Math.abs(above - corner);
  const b = Math.abs(left - corner);
  const c = Math.abs(left + above - 2 * corner);
  if (a <= b && a <= c) return left;
  return b <= c ? above : corner;
}
