/** Samples converted to a colour space that canvases have. */

import { Box } from "./box.js";
import { coloursOf } from "./icc.js";
import { pngOf } from "./png.js";
import type { Picture, Raster } from "./raster.js";

/** Pixels, the side of what the browser converts at a time: canvases have limits. */
const PART = 2048;

/** A raster whose samples are of a colour space of canvases. */
export interface Seen extends Raster {
  readonly colorSpace: "srgb" | "display-p3";
}

/** The picture in sRGB or Display P3. Those of other profiles the browser converts, to Display P3
 * or, if gray, to sRGB; where there is no browser their samples stay as they are. */
export async function converted(picture: Picture): Promise<Seen> {
  const { width, height, rgba, icc, gray } = picture;
  const colours = coloursOf(icc, gray);
  if (colours !== "other") return { width, height, rgba, colorSpace: colours };
  const colorSpace = gray ? "srgb" : "display-p3";
  if (typeof OffscreenCanvas === "undefined") return { width, height, rgba, colorSpace: "srgb" };
  return { ...(await convertedByBrowser(picture, colorSpace)), colorSpace };
}

/** Part by part, by PNG files without alpha, which a canvas would round colours by. */
async function convertedByBrowser(
  picture: Picture,
  colorSpace: "srgb" | "display-p3",
): Promise<Raster> {
  const { width, height, rgba: from } = picture;
  const rgba = new Uint8ClampedArray(from.length);
  const canvas = new OffscreenCanvas(PART, PART);
  const context = canvas.getContext("2d", { colorSpace, willReadFrequently: true })!;
  for (const part of new Box(0, 0, height, width).parts(PART)) {
    const file = new Blob(await pngOf(cropped(picture, part)), { type: "image/png" });
    const bitmap = await createImageBitmap(file);
    context.drawImage(bitmap, 0, 0);
    bitmap.close();
    const { data } = context.getImageData(0, 0, part.width, part.height, { colorSpace });
    for (let row = 0; row < part.height; row++) {
      const line = data.subarray(4 * row * part.width, 4 * (row + 1) * part.width);
      rgba.set(line, 4 * ((part.top + row) * width + part.left));
    }
  }
  for (let n = 3; n < rgba.length; n += 4) rgba[n] = from[n]!;
  return { width, height, rgba };
}

/** The colours of a part of a picture, with its profile. */
function cropped({ rgba: from, width, gray, icc }: Picture, part: Box): Picture {
  const rgba = new Uint8ClampedArray(4 * part.area);
  for (let row = 0; row < part.height; row++) {
    const start = 4 * ((part.top + row) * width + part.left);
    rgba.set(from.subarray(start, start + 4 * part.width), 4 * row * part.width);
  }
  return { width: part.width, height: part.height, rgba, gray, hasAlpha: false, icc };
}
