/** Pixels in memory. */

/** Samples of 8 bits, red, green, blue and alpha of each pixel, row by row. */
export interface Raster {
  readonly width: number;
  readonly height: number;
  readonly rgba: Uint8ClampedArray<ArrayBuffer>;
}

/** A picture as a file stores it: not turned, in the colours of its profile. */
export interface Picture extends Raster {
  /** whether red, green and blue are one */
  readonly gray: boolean;
  readonly hasAlpha: boolean;
  readonly icc?: Uint8Array | undefined;
  readonly exif?: Uint8Array | undefined;
  readonly xmp?: Uint8Array | undefined;
}
