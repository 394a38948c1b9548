/** What callers may ask for, and how it is checked. */

import { MAX_PIXELS, type Reduction } from "./constants.js";
import { AecError } from "./errors.js";

/** How a file is decoded. */
export interface DecodeOptions {
  /** The picture at 1/scale of its size; default 1. */
  scale?: 1 | 2 | 4 | 8;
  /** The preview in the file in place of the picture; refused where there is none. */
  preview?: boolean;
  /** The file may end behind the head of its first tile: what has arrived is decoded. */
  partial?: boolean;
  /** Larger pictures are refused; default 2^28. */
  maxPixels?: number;
  /** true, the default of `toPng`: pixels as they are stored. false, the default of all others:
   * turned upright by EXIF and, but for `toPng`, whose files have the profile, converted to a
   * colour space that canvases have, "srgb" or "display-p3". */
  stored?: boolean;
  /** Where the folder of models is; default: `models/` beside this module. */
  models?: string | URL;
  /** Threads of the networks; default: 1 or, on pages that are isolated across origins, as many
   * as the machine has, at most 4. The first decode of a page decides for all. */
  threads?: number;
  /** Called as the work goes on; done rises to total. */
  onProgress?: (done: number, total: number) => void;
  /** Called with a preview, or the picture at 1/8 or 1/4, before the whole is there. */
  onEarly?: (image: ImageData, scale: number) => void;
  /** Called where, of a `partial` file, the picture is not whole: says what is missing. */
  onNote?: (text: string) => void;
  signal?: AbortSignal;
}

/** What a job gives: pixels for a canvas, a PNG file, or the SHA-256 of y_r (SPEC 7.2). */
export type JobKind = "pixels" | "png" | "symbols";

/** A decode, as it is sent to where the work is done: plain data. */
export interface Job {
  kind: JobKind;
  scale: Reduction;
  preview: boolean;
  partial: boolean;
  maxPixels: number;
  stored: boolean;
  /** whether to give early pictures */
  early: boolean;
  /** base URL of the folder of models, with a slash at its end */
  models: string;
  threads: number;
}

/** The job of some options. Throws AecError for an option that is none. */
export function jobOf(
  kind: JobKind,
  options: Omit<DecodeOptions, "onEarly"> & { onEarly?: unknown },
  models: string,
  threads: number,
): Job {
  const { scale = 1, maxPixels = MAX_PIXELS } = options;
  if (![1, 2, 4, 8].includes(scale)) throw new AecError(`scale is 1, 2, 4 or 8, not ${scale}`);
  if (!(maxPixels >= 1)) throw new AecError(`maxPixels is a number from 1 on, not ${maxPixels}`);
  if (!(Number.isInteger(threads) && threads >= 1 && threads <= 64)) {
    throw new AecError(`threads is an integer 1 to 64, not ${threads}`);
  }
  return {
    kind,
    scale,
    preview: options.preview ?? false,
    partial: options.partial ?? false,
    maxPixels,
    stored: options.stored ?? kind === "png",
    early: options.onEarly !== undefined,
    models: models.endsWith("/") ? models : `${models}/`,
    threads,
  };
}

/** The bytes of what a caller gives as a file. Throws AecError for anything else. */
export function bytesOf(data: ArrayBuffer | Uint8Array): Uint8Array {
  if (data instanceof Uint8Array) return data;
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  throw new AecError("a file is an ArrayBuffer or a Uint8Array");
}
