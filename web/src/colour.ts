/** Samples converted to a colour space that canvases have. */

import { coloursOf } from "./icc.js";
import { pngOf } from "./png.js";
import type { Picture, Raster } from "./raster.js";

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

/** By a PNG file without alpha, which a canvas would round colours by. */
async function convertedByBrowser(
  picture: Picture,
  colorSpace: "srgb" | "display-p3",
): Promise<Raster> {
  const { width, height, rgba } = picture;
  const opaque = { ...picture, hasAlpha: false, exif: undefined, xmp: undefined };
  const file = new Blob(await pngOf(opaque), { type: "image/png" });
  const bitmap = await createImageBitmap(file);
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { colorSpace, willReadFrequently: true })!;
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height, { colorSpace });
  if (picture.hasAlpha) for (let n = 3; n < data.length; n += 4) data[n] = rgba[n]!;
  return { width, height, rgba: data as Uint8ClampedArray<ArrayBuffer> };
}
