/** Jobs, done one after the other where the models are: in the worker or, in node, in the
 * process. */

import { joined } from "./bytes.js";
import { converted, type Seen } from "./colour.js";
import { readContainer, type Container } from "./container.js";
import { AecError, asCallerError } from "./errors.js";
import { checkSize } from "./header.js";
import { loadModel, type Model, type ModelFiles } from "./model.js";
import type { Job } from "./options.js";
import { orientationOf, turnedUpright } from "./orientation.js";
import { decodePreview, Decoder, previewFile, type Watch } from "./picture.js";
import { pngOf } from "./png.js";
import { readPreview } from "./preview.js";
import type { Picture } from "./raster.js";
import { sha256 } from "./sha256.js";
import { synthesisPart } from "./synthesis.js";

/** What a job of each kind gives. */
export type Output = Seen | Blob | string;

/** What a job tells before it is done. */
export interface JobWatch extends Watch {
  early(output: Output, scale: number): void;
  note(text: string): void;
}

/** Pictures of fewer pixels have no early one: the whole is there as soon. */
const EARLY_PIXELS = 2 ** 18;
/** Pixels of the longer side of a preview, from which on no other early picture is wanted: 1/8 of a
 * large picture takes a third of the time of the whole. */
const EARLY_SIDE = 256;
/** Latents of larger pictures are not kept from an early picture to the whole: 6 bytes a pixel. */
const KEPT_PIXELS = 2 ** 25;

/** Does jobs, and keeps the models that they have needed. */
export class Jobs {
  private readonly models = new Map<string, Promise<Model>>();
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly filesAt: (base: string) => ModelFiles) {}

  /** Does a job when those before it are done. Throws AecError, and AbortError as `watch` has
   * it. */
  run(bytes: Uint8Array, job: Job, watch: JobWatch): Promise<Output> {
    const output = this.last.then(() => this.runNow(bytes, job, watch));
    this.last = output.catch(() => undefined);
    return output;
  }

  private async runNow(bytes: Uint8Array, job: Job, watch: JobWatch): Promise<Output> {
    try {
      await watch.pause();
      const file = readContainer(bytes, job.partial);
      checkSize(file.header.width, file.header.height, job.maxPixels);
      const model = await this.model(file.header.modelId, job.models);
      return await (job.kind === "symbols"
        ? symbolsOf(model, file, job, watch)
        : pictureOutput(model, file, job, watch));
    } catch (error) {
      throw asCallerError(error);
    }
  }

  private model(id: string, base: string): Promise<Model> {
    const key = `${base}${id}`;
    let model = this.models.get(key);
    if (!model) {
      model = loadModel(id, this.filesAt(base));
      this.models.set(key, model);
      model.catch(() => this.models.delete(key));
    }
    return model;
  }
}

async function pictureOutput(
  model: Model,
  file: Container,
  job: Job,
  watch: JobWatch,
): Promise<Output> {
  model.prefetch([synthesisPart(job.preview ? 1 : job.scale)]);
  if (job.preview) return outputOf(await decodePreview(model, file, watch), job);
  const { width, height } = file.header;
  const wantsEarly = job.early && width * height > EARLY_PIXELS;
  const early = wantsEarly && !(await showPreview(model, file, job, watch));
  const showsEighth = early && job.scale < 4 && width * height <= KEPT_PIXELS;
  const decoder = new Decoder(model, file, watch, showsEighth);
  if (showsEighth) {
    watch.early(await outputOf(await decoder.decode(8, false), job), 8);
  }
  const output = await outputOf(await decoder.decode(job.scale), job);
  const note = decoder.note();
  if (note) watch.note(note);
  return output;
}

/** Shows a file's preview, if there is one that is whole and smaller than the picture wanted; says
 * whether that will do until the whole is there. */
async function showPreview(
  model: Model,
  file: Container,
  job: Job,
  watch: JobWatch,
): Promise<boolean> {
  const { preview } = file.fields;
  const reduction = preview ? readPreview(preview, file.header).reduction : 0;
  if (reduction <= job.scale) return false;
  const silent = { progress: () => undefined, pause: () => watch.pause() };
  try {
    const picture = await decodePreview(model, file, silent);
    watch.early(await outputOf(picture, job), reduction);
    return Math.max(picture.width, picture.height) >= EARLY_SIDE;
  } catch (error) {
    if (!(error instanceof AecError)) throw error;
    return false;
  }
}

async function outputOf(picture: Picture, job: Job): Promise<Output> {
  if (job.kind === "png") {
    const shown = job.stored ? picture : uprightPicture(picture);
    return new Blob(await pngOf(shown), { type: "image/png" });
  }
  if (job.stored) {
    const { width, height, rgba } = picture;
    return { width, height, rgba, colorSpace: "srgb" };
  }
  const seen = await converted(picture);
  const upright = turnedUpright(seen, orientationOf(picture.exif));
  return { ...upright, colorSpace: seen.colorSpace };
}

/** The picture with its pixels turned, and without EXIF, which says so: a browser might read more
 * in it than we do. */
function uprightPicture(picture: Picture): Picture {
  const turned = turnedUpright(picture, orientationOf(picture.exif));
  return { ...picture, ...turned, exif: undefined };
}

/** The SHA-256 of all y_r (SPEC 7.2), of the picture or its preview: for tests of conformance. */
async function symbolsOf(
  model: Model,
  file: Container,
  job: Job,
  watch: JobWatch,
): Promise<string> {
  const coded = job.preview ? previewFile(file)[0] : file;
  const parts: Uint8Array[] = [];
  for await (const values of new Decoder(model, coded, watch).allLatents()) {
    parts.push(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return sha256(joined(parts));
}
