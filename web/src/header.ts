/** The header: the first 32 bytes of a file (SPEC 2). */

import { Box } from "./box.js";
import { hex, latin1, same, u32 } from "./bytes.js";
import {
  FORMAT_VERSION,
  HYPER_STRIDE,
  MAX_PIXELS,
  MAX_Q,
  MAX_SIDE,
  MAX_TILE,
  MAX_TILES,
} from "./constants.js";
import { crc32 } from "./crc.js";
import { AecError } from "./errors.js";

export const HEADER_BYTES = 32;
const SIGNATURE = Uint8Array.of(0x89, 0x41, 0x45, 0x43, 0x0d, 0x0a, 0x1a, 0x0a);
const FIELD_BYTES = 28;
const MODES = ["RGB", "gray"] as const;

export type Mode = (typeof MODES)[number];

/** What is known before the tiles. Throws AecError for a field out of range. */
export class Header {
  constructor(
    /** hexadecimal, 16 digits */
    readonly modelId: string,
    /** pixels, before padding */
    readonly width: number,
    readonly height: number,
    /** the model's rate index, 0 to 63 */
    readonly q: number,
    readonly mode: Mode,
    /** pixels, the side of a tile */
    readonly tileSide: number,
  ) {
    checkSize(width, height, MAX_SIDE ** 2);
    if (q > MAX_Q) throw new AecError(`q ${q} is not in 0 to ${MAX_Q}`);
    if (tileSide < HYPER_STRIDE || tileSide > MAX_TILE) {
      const rule = `a multiple of ${HYPER_STRIDE} up to ${MAX_TILE}`;
      throw new AecError(`the side of a tile is ${rule}, not ${tileSide}`);
    }
    if (this.tileCount > MAX_TILES) {
      throw new AecError(`${this.tileCount} tiles are over the limit of ${MAX_TILES}`);
    }
  }

  get gray(): boolean {
    return this.mode === "gray";
  }

  /** How many tiles there are in a row. */
  get columns(): number {
    return Math.ceil(this.width / this.tileSide);
  }

  get tileCount(): number {
    return Math.ceil(this.height / this.tileSide) * this.columns;
  }

  /** All pixels of the picture. */
  whole(): Box {
    return new Box(0, 0, this.height, this.width);
  }

  /** For messages. */
  tileName(number: number): string {
    const column = number % this.columns;
    return `tile ${number} (column ${column}, row ${(number - column) / this.columns})`;
  }
}

/** Throws AecError for a picture that is not decoded for its size (SPEC 2.4). */
export function checkSize(width: number, height: number, maxPixels = MAX_PIXELS): void {
  const valid = (side: number) => side >= 1 && side <= MAX_SIDE;
  if (!valid(width) || !valid(height)) {
    throw new AecError(`the sides of ${width}x${height} are not in 1 to ${MAX_SIDE}`);
  }
  if (width * height > maxPixels) {
    throw new AecError(`${width}x${height} is over the limit of ${maxPixels} pixels`);
  }
}

/** The header at the beginning of a file. Throws AecError. */
export function readHeader(data: Uint8Array): Header {
  checkSignature(data);
  if (data.length > SIGNATURE.length) checkVersion(data[SIGNATURE.length]!);
  if (data.length < HEADER_BYTES) {
    throw new AecError(`cut inside the header: ${data.length} bytes of ${HEADER_BYTES}`);
  }
  if (u32(data, FIELD_BYTES) !== crc32(data.subarray(0, FIELD_BYTES))) {
    throw new AecError("damaged header: its CRC does not match");
  }
  const [width, height] = [u32(data, 17), u32(data, 21)];
  checkSize(width, height, MAX_SIDE ** 2);
  const mode = MODES[data[25]!];
  if (mode === undefined) throw new AecError(`unknown colour mode ${data[25]}`);
  const modelId = hex(data.subarray(9, 17));
  return new Header(modelId, width, height, data[26]!, mode, data[27]! * HYPER_STRIDE);
}

/** SPEC 6.2: what an older program says of a newer file. */
function checkVersion(version: number): void {
  if (version > FORMAT_VERSION) {
    throw new AecError(
      `format version ${version}; this aecodec reads version ${FORMAT_VERSION}: ` +
        "a newer aecodec is needed",
    );
  }
  if (version < FORMAT_VERSION) {
    throw new AecError(`format version ${version} was a draft that no aecodec reads any more`);
  }
}

function checkSignature(data: Uint8Array): void {
  const start = data.subarray(0, SIGNATURE.length);
  if (same(start, SIGNATURE)) return;
  if (start.length && same(start, SIGNATURE.subarray(0, start.length))) {
    throw new AecError(`cut inside the signature: ${data.length} bytes`);
  }
  if (latin1(start.subarray(1, 4)) === "AEC") {
    throw new AecError("damaged signature: was this file transferred as text?");
  }
  throw new AecError("not an .aec file: the signature is missing");
}
