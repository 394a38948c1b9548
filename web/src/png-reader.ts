/** PNG files of 8-bit gray (ISO/IEC 15948), plain or interlaced. */

import { joined, latin1, u32 } from "./bytes.js";
import { crc32 } from "./crc.js";
import { AecError } from "./errors.js";
import { inflated } from "./inflate.js";

const SIGNATURE_BYTES = 8;
/** Length, type and CRC of a chunk. */
const CHUNK_BYTES = 12;

/** Columns and rows of one pass of Adam7: the first, and how far apart. */
type Pass = readonly [x: number, y: number, dx: number, dy: number];

const PLAIN: readonly Pass[] = [[0, 0, 1, 1]];
const ADAM7: readonly Pass[] = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
];

/** The samples [height, width] of a file whose signature and IHDR say that it is 8-bit gray of
 * that size. Throws AecError. */
export async function readGrayPng(
  data: Uint8Array,
  width: number,
  height: number,
): Promise<Uint8Array> {
  const [ihdr, zlib] = imageChunks(data);
  const [compression, filtering, interlace] = [ihdr[10], ihdr[11], ihdr[12]];
  if (compression !== 0 || filtering !== 0 || interlace === undefined || interlace > 1) {
    throw new AecError("its IHDR is damaged");
  }
  const passes = (interlace ? ADAM7 : PLAIN).map((pass) => new PassSize(pass, width, height));
  const length = passes.reduce((sum, pass) => sum + pass.bytes, 0);
  const lines = await inflated(zlib, length);
  const samples = new Uint8Array(width * height);
  let start = 0;
  for (const pass of passes) {
    readPass(lines.subarray(start, start + pass.bytes), pass, samples, width);
    start += pass.bytes;
  }
  return samples;
}

class PassSize {
  readonly columns: number;
  readonly rows: number;

  constructor(
    readonly pass: Pass,
    width: number,
    height: number,
  ) {
    const [x, y, dx, dy] = pass;
    this.columns = Math.max(0, Math.ceil((width - x) / dx));
    this.rows = Math.max(0, Math.ceil((height - y) / dy));
  }

  /** Of its lines, each with the type of its filter in front; none where it has no samples. */
  get bytes(): number {
    return this.columns ? this.rows * (1 + this.columns) : 0;
  }
}

/** The data of IHDR, and of all IDAT together. */
function imageChunks(data: Uint8Array): [Uint8Array, Uint8Array] {
  let ihdr: Uint8Array | undefined;
  const parts: Uint8Array[] = [];
  let begun = false;
  for (let start = SIGNATURE_BYTES; ;) {
    if (start + CHUNK_BYTES > data.length) {
      if (begun) break;
      throw new AecError("it is cut");
    }
    const [type, body, end] = pngChunk(data, start);
    if (type === "IDAT") {
      begun = true;
      if (body.length) parts.push(body);
    } else if (begun || type === "IEND") break;
    else if (type === "IHDR" && ihdr) throw new AecError("it has a second IHDR");
    ihdr ??= body;
    start = end;
  }
  if (!ihdr || !parts.length) throw new AecError("it has no samples");
  return [ihdr, parts.length === 1 ? parts[0]! : joined(parts)];
}

/** Type and data of the chunk at a place, and where it ends. */
function pngChunk(data: Uint8Array, start: number): [string, Uint8Array, number] {
  const body = start + 8;
  const end = body + u32(data, start);
  if (end + 4 > data.length) throw new AecError("it is cut");
  const type = latin1(data.subarray(start + 4, body));
  if (u32(data, end) !== crc32(data.subarray(start + 4, end))) {
    throw new AecError(`the CRC of its chunk ${JSON.stringify(type)} does not match`);
  }
  return [type, data.subarray(body, end), end + 4];
}

/** The lines of a pass, unfiltered in place, into their places of samples [height, width]. */
function readPass(lines: Uint8Array, size: PassSize, samples: Uint8Array, width: number): void {
  const [x, y, dx, dy] = size.pass;
  const { columns } = size;
  let before: Uint8Array = new Uint8Array(columns);
  for (let row = 0, start = 0; start < lines.length; row++, start += 1 + columns) {
    const line = lines.subarray(start + 1, start + 1 + columns);
    unfilter(lines[start]!, line, before);
    before = line;
    let place = (y + row * dy) * width + x;
    for (let column = 0; column < columns; column++, place += dx) samples[place] = line[column]!;
  }
}

/** Undoes a line's filter in place; before: the line above, unfiltered. */
function unfilter(type: number, line: Uint8Array, before: Uint8Array): void {
  if (type > 4) throw new AecError(`a line has the filter ${type}`);
  if (type === 0) return;
  let left = 0;
  let corner = 0;
  for (let n = 0; n < line.length; n++) {
    const above = before[n]!;
    left = (line[n]! + predicted(type, left, above, corner)) & 255;
    line[n] = left;
    corner = above;
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
