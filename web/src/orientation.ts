/** The orientation in EXIF, and pixels turned by it. */

import type { Raster } from "./raster.js";

const ORIENTATION_TAG = 0x0112;
const SHORT = 3;
const ENTRY_BYTES = 12;

/** The orientation 1 to 8 that EXIF, a TIFF stream, names; 1 where it names none that is valid.
 * The bytes are anybody's: nothing is taken for granted. */
export function orientationOf(exif: Uint8Array | undefined): number {
  if (!exif || exif.length < 8) return 1;
  const view = new DataView(exif.buffer, exif.byteOffset, exif.length);
  const order = view.getUint16(0);
  const little = order === 0x4949;
  if (!little && order !== 0x4d4d) return 1;
  if (view.getUint16(2, little) !== 42) return 1;
  const folder = view.getUint32(4, little);
  if (folder + 2 > exif.length) return 1;
  const count = view.getUint16(folder, little);
  for (let n = 0; n < count; n++) {
    const entry = folder + 2 + n * ENTRY_BYTES;
    if (entry + ENTRY_BYTES > exif.length) return 1;
    if (view.getUint16(entry, little) === ORIENTATION_TAG) return valueOf(view, entry, little);
  }
  return 1;
}

function valueOf(view: DataView, entry: number, little: boolean): number {
  const isNumber =
    view.getUint16(entry + 2, little) === SHORT && view.getUint32(entry + 4, little) === 1;
  const value = view.getUint16(entry + 8, little);
  return isNumber && value >= 1 && value <= 8 ? value : 1;
}

/** Whether an orientation swaps width and height. */
export function isSideways(orientation: number): boolean {
  return orientation >= 5;
}

/** The raster as it is to be seen. */
export function turnedUpright(raster: Raster, orientation: number): Raster {
  if (orientation === 1) return raster;
  const { width, height } = raster;
  const sideways = isSideways(orientation);
  const [across, down] = sideways ? [height, width] : [width, height];
  const from = new Uint32Array(raster.rgba.buffer, raster.rgba.byteOffset, width * height);
  const to = new Uint32Array(width * height);
  const mirrored = [2, 3, 7, 8].includes(orientation);
  const flipped = [3, 4, 6, 7].includes(orientation);
  for (let row = 0, n = 0; row < down; row++) {
    for (let column = 0; column < across; column++, n++) {
      const [first, second] = sideways ? [column, row] : [row, column];
      const y = flipped ? height - 1 - first : first;
      const x = mirrored ? width - 1 - second : second;
      to[n] = from[y * width + x]!;
    }
  }
  return { width: across, height: down, rgba: new Uint8ClampedArray(to.buffer) };
}
