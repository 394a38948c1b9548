/** A file, version 1: header, chunks and the payloads of its tiles (SPEC 3). */

import { latin1, u32 } from "./bytes.js";
import {
  checkChunk,
  checkHead,
  CRC_BYTES,
  HEAD_BYTES,
  INDEX,
  readChunk,
  TILE,
  TYPES,
  type Chunk,
} from "./chunks.js";
import { MAX_CHUNKS } from "./constants.js";
import { about, AecError } from "./errors.js";
import { HEADER_BYTES, readHeader, type Header } from "./header.js";

/** The coded symbols of a tile. cut: the end of the file is missing, nothing vouches for what
 * there is. */
export interface Payload {
  readonly data: Uint8Array;
  readonly cut: boolean;
}

type Field = (typeof TYPES)[keyof typeof TYPES];

/** All of a file but the tiles. */
export interface Head {
  readonly header: Header;
  readonly chunks: readonly Chunk[];
  /** data of the known chunks */
  readonly fields: Partial<Record<Field, Uint8Array>>;
}

/** A whole file, taken apart. */
export interface Container extends Head {
  /** of every tile, row by row */
  readonly payloads: readonly Payload[];
}

/** Takes a file apart after checking all of it. With `partial`, it may end behind the head
 * of its first tile. Throws AecError naming the rule that it breaks. */
export function readContainer(data: Uint8Array, partial = false): Container {
  const { start, ...head } = readHead(data);
  return { ...head, payloads: readPayloads(data, head, start, partial) };
}

/** Header, checked chunks up to the first tile, and at which byte that begins. */
export function readHead(data: Uint8Array): Head & { readonly start: number } {
  const header = readHeader(data);
  const chunks: Chunk[] = [];
  let start = HEADER_BYTES;
  while (!tilesBegin(data, start, chunks)) {
    if (chunks.length === MAX_CHUNKS) {
      throw new AecError(`more than ${MAX_CHUNKS} chunks before the tiles`);
    }
    const [chunk, end] = readChunk(data, start);
    checkChunk(chunk, header, chunks);
    chunks.push(chunk);
    start = end;
  }
  return { header, chunks, fields: fieldsOf(chunks), start };
}

function fieldsOf(chunks: readonly Chunk[]): Partial<Record<Field, Uint8Array>> {
  const fields: Partial<Record<Field, Uint8Array>> = {};
  for (const { type, data } of chunks) {
    if (Object.hasOwn(TYPES, type)) fields[TYPES[type as keyof typeof TYPES]] = data;
  }
  return fields;
}

/** Whether the first tile begins at byte `start`: after the index, damaged or not (SPEC 3.5). */
function tilesBegin(data: Uint8Array, start: number, before: readonly Chunk[]): boolean {
  if (before.at(-1)?.type === INDEX) return true;
  return latin1(data.subarray(start + 4, start + HEAD_BYTES)) === TILE;
}

/** The payloads of all tiles, which together must end the file (SPEC 3.5). */
function readPayloads(data: Uint8Array, head: Head, start: number, partial: boolean): Payload[] {
  const payloads: Payload[] = [];
  for (const length of payloadLengths(data, head, start)) {
    const body = start + HEAD_BYTES;
    if (partial && isCut(data, start, length, !payloads.length)) {
      payloads.push({ data: data.subarray(body, body + length), cut: true });
    } else {
      const name = head.header.tileName(payloads.length);
      payloads.push(about(`${name}: `, () => wholePayload(data, start, length)));
    }
    start = body + length + CRC_BYTES;
  }
  if (start < data.length) {
    throw new AecError(`${data.length - start} bytes left over after the last tile`);
  }
  return payloads;
}

/** Bytes of every payload: as the index says, or as the only tile says itself (SPEC 3.5). */
function payloadLengths(data: Uint8Array, { header, chunks }: Head, start: number): number[] {
  const index = chunks.find((chunk) => chunk.type === INDEX)?.data;
  const count = header.tileCount;
  if ((index === undefined) !== (count === 1)) {
    const needs = count === 1 ? "has no" : "needs a";
    throw new AecError(`a picture of ${count} tiles ${needs} chunk ${INDEX}`);
  }
  if (index && index.length !== 4 * count) {
    throw new AecError(`${INDEX} has ${index.length} bytes, not 4 for each tile`);
  }
  const lengthAt = (n: number) => (index ? u32(index, 4 * n) : u32(data, start));
  const lengths = Array.from({ length: count }, (_, n) => lengthAt(n));
  for (const length of lengths) checkHead(TILE, length);
  return lengths;
}

function wholePayload(data: Uint8Array, start: number, length: number): Payload {
  const [chunk] = readChunk(data, start, length);
  if (chunk.type !== TILE) {
    throw new AecError(`the chunk ${chunk.type} is not the tile of the index`);
  }
  return { data: chunk.data, cut: false };
}

/** Whether the end of the file cuts a tile whose head, if there, is right (SPEC 5.6). Of the first
 * one, the head must be there. */
function isCut(data: Uint8Array, start: number, length: number, first: boolean): boolean {
  const body = start + HEAD_BYTES;
  if (data.length < body) return !first;
  const isTile = u32(data, start) === length && latin1(data.subarray(start + 4, body)) === TILE;
  return isTile && data.length < body + length + CRC_BYTES;
}
