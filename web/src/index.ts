/** Decoder of .aec pictures, for browsers and node. */

import { defaultThreads, modelsUrl, run } from "./backend.js";
import { infoOf, type Info } from "./info.js";
import type { Output } from "./jobs.js";
import { bytesOf, jobOf, type DecodeOptions, type JobKind } from "./options.js";
import { imageDataOf } from "./image-data.js";
import type { Seen } from "./colour.js";
import { EarlyCanvas } from "./render.js";

export { AecError } from "./errors.js";
export type { DecodeOptions, Info };

/** A file, as it lies on disk. */
export type Bytes = ArrayBuffer | Uint8Array;

/** How a file becomes a PNG file. */
export interface PngOptions extends Omit<DecodeOptions, "onEarly"> {
  /** Called with a preview, or the picture at 1/8, before the whole is there. */
  onEarly?: (image: Blob, scale: number) => void;
}

/** The pixels of a file, for a canvas: upright, in "srgb" or "display-p3".
 *
 * Rejects with AecError for a file that breaks a rule, a model that is not there, too little
 * memory; with AbortError where the signal says so. */
export async function decode(bytes: Bytes, options: DecodeOptions = {}): Promise<ImageData> {
  return imageDataOf((await start("pixels", bytes, options)) as Seen);
}

/** Shows a file on a canvas, which gets the picture's size: first what is there early, then the
 * whole. Rejects as `decode` does. */
export async function renderInto(
  canvas: HTMLCanvasElement | OffscreenCanvas,
  bytes: Bytes,
  options: DecodeOptions = {},
): Promise<void> {
  const shown = new EarlyCanvas(canvas, bytesOf(bytes), options);
  const onEarly = (image: ImageData, scale: number) => {
    shown.early(image);
    options.onEarly?.(image, scale);
  };
  shown.whole(await decode(bytes, { ...options, onEarly }));
}

/** A PNG file of a file's pixels as they are stored, with profile, EXIF and XMP, so that whoever
 * shows it turns and converts it. Rejects as `decode` does. */
export async function toPng(bytes: Bytes, options: PngOptions = {}): Promise<Blob> {
  return (await start("png", bytes, options)) as Blob;
}

/** What a file says about itself; all of it is checked but the payloads, which take a model.
 * Throws AecError. */
export function info(bytes: Bytes): Info {
  return infoOf(bytesOf(bytes));
}

function imageOf(output: Output): ImageData | Blob {
  return output instanceof Blob ? output : imageDataOf(output as Seen);
}

async function start(
  kind: JobKind,
  bytes: Bytes,
  options: DecodeOptions | PngOptions,
): Promise<Output> {
  const threads = options.threads ?? defaultThreads();
  const job = jobOf(kind, options, modelsUrl(options.models), threads);
  const onEarly = options.onEarly as ((image: ImageData | Blob, scale: number) => void) | undefined;
  const listeners = {
    progress: (done: number, total: number) => options.onProgress?.(done, total),
    early: (output: Output, scale: number) => onEarly?.(imageOf(output), scale),
    note: (text: string) => options.onNote?.(text),
  };
  return run(bytesOf(bytes), job, listeners, options.signal);
}
