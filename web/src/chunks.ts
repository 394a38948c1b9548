/** One chunk (SPEC 3.1 to 3.4). A new type is entered in `TYPES`. */

import { latin1, u32 } from "./bytes.js";
import { MAX_ANCILLARY_BYTES, MAX_CRITICAL_BYTES, MAX_LIMITS, TABLE_COUNT } from "./constants.js";
import { crc32 } from "./crc.js";
import { AecError } from "./errors.js";
import type { Header } from "./header.js";
import { readPreview } from "./preview.js";

/** Chunks before the index and the tiles -> their fields in Container. */
export const TYPES = {
  iccp: "icc",
  exif: "exif",
  xmpx: "xmp",
  prvw: "preview",
  FLTR: "filter",
  ALPH: "alpha",
} as const;
export const INDEX = "TIDX";
export const TILE = "TILE";

export const HEAD_BYTES = 8;
export const CRC_BYTES = 4;
const LEAST_FILTER_BYTES = 5;

export interface Chunk {
  /** four letters of ASCII */
  readonly type: string;
  readonly data: Uint8Array;
}

/** The chunk at byte `start`, of `expected` bytes where that is known, and where it ends.
 * Throws AecError. */
export function readChunk(data: Uint8Array, start: number, expected?: number): [Chunk, number] {
  if (start >= data.length) throw new AecError(`cut: no chunk ${TILE}`);
  const body = start + HEAD_BYTES;
  if (data.length < body) throw new AecError("cut inside the head of a chunk");
  const length = u32(data, start);
  const type = latin1(data.subarray(start + 4, body));
  checkHead(type, length);
  if (expected !== undefined && expected !== length) {
    throw new AecError(`the chunk ${type} is not the tile of the index`);
  }
  const end = body + length;
  if (data.length < end + CRC_BYTES) throw new AecError(`cut inside the chunk ${type}`);
  if (u32(data, end) !== crc32(data.subarray(body - 4, end))) {
    throw new AecError(`damaged chunk ${type}: its CRC does not match`);
  }
  return [{ type, data: data.subarray(body, end) }, end + CRC_BYTES];
}

/** Whether a decoder that does not know the type must refuse the file (SPEC 3.2). */
function isCritical(type: string): boolean {
  return type.charAt(0) <= "Z";
}

/** Throws AecError for a type that is none, or more data than it may have. */
export function checkHead(type: string, length: number): void {
  if (!/^[A-Za-z]{4}$/.test(type)) {
    throw new AecError(`a chunk type is 4 ASCII letters, not ${JSON.stringify(type)}`);
  }
  const limit = isCritical(type) ? MAX_CRITICAL_BYTES : MAX_ANCILLARY_BYTES;
  if (length > limit) {
    throw new AecError(`the chunk ${type} has ${length} bytes; the limit is ${limit}`);
  }
}

/** Throws AecError for a chunk that may not be there, or a filter or preview that is none
 * (SPEC 3.2, 3.3, 3.7, 3.8). */
export function checkChunk(chunk: Chunk, header: Header, before: readonly Chunk[]): void {
  const { type, data } = chunk;
  const known = Object.hasOwn(TYPES, type) || type === INDEX;
  if (isCritical(type) && !known) {
    throw new AecError(`unknown critical chunk ${type}: a newer aecodec may know it`);
  }
  if (known && before.some((other) => other.type === type)) {
    throw new AecError(`a second chunk ${type}`);
  }
  if (type === "FLTR") checkFilter(data, header);
  if (type === "prvw") readPreview(data, header);
}

/** What can be told without the tables of the model (SPEC 3.7). */
function checkFilter(data: Uint8Array, header: Header): void {
  if (header.gray) throw new AecError("a chunk FLTR in a picture of mode gray");
  if (data.length < LEAST_FILTER_BYTES || data[0]! > MAX_LIMITS) {
    throw new AecError("the chunk FLTR is not a filter of 0, 1 or 2 limits");
  }
  if (data.subarray(1, LEAST_FILTER_BYTES).some((table) => table >= TABLE_COUNT)) {
    throw new AecError(`the chunk FLTR names a table above ${TABLE_COUNT - 1}`);
  }
}
