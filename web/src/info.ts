/** What a file says about itself, without its model. */

import { readContainer } from "./container.js";
import { MAX_Q } from "./constants.js";
import type { Mode } from "./header.js";
import { TILE } from "./chunks.js";

const MAX_QUALITY = 100;

/** What a file says about itself. */
export interface Info {
  /** of the whole file */
  bytes: number;
  /** pixels */
  width: number;
  height: number;
  mode: Mode;
  /** the model's rate index, 0 to 63 */
  q: number;
  /** the lowest quality 1 to 100 of this q */
  quality: number;
  /** hexadecimal, 16 digits */
  modelId: string;
  /** pixels, the side of a tile */
  tile: number;
  tiles: number;
  /** bits of the whole file per pixel */
  bpp: number;
  /** type and bytes of the data of every chunk, in the order of the file */
  chunks: { type: string; bytes: number }[];
}

/** Checks a whole file, CRCs included, and says what it holds. Throws AecError. */
export function infoOf(data: Uint8Array): Info {
  const { header, chunks, payloads } = readContainer(data);
  const tiles = payloads.map((payload) => ({ type: TILE, bytes: payload.data.length }));
  return {
    bytes: data.length,
    width: header.width,
    height: header.height,
    mode: header.mode,
    q: header.q,
    quality: qualityOf(header.q),
    modelId: header.modelId,
    tile: header.tileSide,
    tiles: tiles.length,
    bpp: (8 * data.length) / (header.width * header.height),
    chunks: [...chunks.map(({ type, data }) => ({ type, bytes: data.length })), ...tiles],
  };
}

/** The lowest quality 1 to 100 that maps to a q 0 to 63 (SPEC 2.6). */
function qualityOf(q: number): number {
  const qOf = (quality: number) => Math.round(((quality - 1) * MAX_Q) / (MAX_QUALITY - 1));
  for (let quality = 1; quality < MAX_QUALITY; quality++) if (qOf(quality) === q) return quality;
  return MAX_QUALITY;
}
