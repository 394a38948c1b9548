/** Pixels as canvases take them. */

import type { Seen } from "./colour.js";

/** ImageData of decoded pixels; in node, which has no such class, an object of the same
 * properties. */
export function imageDataOf({ rgba, width, height, colorSpace }: Seen): ImageData {
  if (typeof ImageData !== "undefined") return new ImageData(rgba, width, height, { colorSpace });
  return { data: rgba, width, height, colorSpace, pixelFormat: "rgba-unorm8" } as ImageData;
}
