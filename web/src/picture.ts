/** A file, taken apart, to pixels. */

import { readAlpha, reducedAlpha, type Alpha } from "./alpha.js";
import { Box } from "./box.js";
import type { Reduction } from "./constants.js";
import type { Container } from "./container.js";
import { AecError, withSubject } from "./errors.js";
import { readFilter } from "./filter.js";
import type { Header } from "./header.js";
import { decodeLatents, LatentsByTile, noLatents, type Latents } from "./latents.js";
import type { Model } from "./model.js";
import { writeAlpha, writeSamples } from "./planes.js";
import { readPreview } from "./preview.js";
import type { Picture, Raster } from "./raster.js";
import { PIECE, synthesized } from "./synthesis.js";

/** Steps of a tile, each called once it is decoded. */
const STEPS = 4;

/** What a decode tells while it goes on. */
export interface Watch {
  /** so much of all work is done, in pixels: each is decoded, then synthesized */
  progress(done: number, total: number): void;
  /** Lets others run. Throws the reason of an abort. */
  pause(): Promise<void>;
}

/** One file, whose tiles are decoded when they are needed. */
export class Decoder {
  private readonly header: Header;
  private readonly tiles: readonly Box[];
  private done = 0;
  private missing = 0;
  private readonly latents: LatentsByTile;

  /** keep: all latents stay in memory, for who decodes more than once. piece: pixels, the side of
   * what is synthesized at a time. */
  constructor(
    private readonly model: Model,
    private readonly file: Container,
    private readonly watch: Watch,
    keep = false,
    private readonly piece = PIECE,
  ) {
    this.header = file.header;
    this.tiles = this.header.whole().parts(this.header.tileSide);
    const decode = (number: number, tile: Box) => this.decodeTile(number, tile);
    this.latents = new LatentsByTile(this.tiles, model.facts.latent, decode, keep);
  }

  /** The picture at 1/reduction of its size; counted: as a part of the progress. Throws AecError
   * for a damaged payload, filter or alpha. */
  async decode(reduction: Reduction, counted = true): Promise<Picture> {
    const { header, file } = this;
    const { tables } = this.model;
    const filter = file.fields.filter && readFilter(tables, file.fields.filter);
    const alpha = alphaOf(file);
    const size = header.whole().shrunk(reduction);
    const raster = newRaster(size.width, size.height);
    const { width, height, q, gray } = header;
    const synthesis = { model: this.model, q, width, height, filter, alpha };
    const pieces = synthesized(synthesis, this.latents, reduction, this.piece);
    for await (const piece of pieces) {
      writeSamples(piece.planes, piece.source, piece.part, raster, gray);
      await this.advance(counted ? piece.pixels : 0);
    }
    return pictureOf(raster, file, alpha && reducedAlpha(alpha, reduction));
  }

  /** y_r of all tiles in order of number, as SPEC 7.2 counts them. */
  async *allLatents(): AsyncGenerator<Int32Array> {
    for (const [number, tile] of this.tiles.entries()) {
      yield (await this.decodeTile(number, tile)).values;
    }
  }

  /** What is wrong with the picture, in words. */
  note(): string | undefined {
    if (!this.missing) return undefined;
    const count = this.tiles.length;
    const tiles = count > 1 ? ` in ${this.missing} of ${count} tiles` : "";
    return `cut off: detail is missing${tiles}`;
  }

  private async decodeTile(number: number, tile: Box): Promise<Latents> {
    const payload = this.file.payloads[number]!;
    if (payload.cut) this.missing++;
    if (payload.cut && !payload.data.length) {
      await this.advance(tile.area);
      return noLatents(this.model, tile);
    }
    const afterStep = () => this.advance(tile.area / STEPS);
    try {
      return await decodeLatents(this.model, payload, tile, this.header.q, afterStep);
    } catch (error) {
      throw withSubject(`${this.header.tileName(number)}: `, error);
    }
  }

  private async advance(pixels: number): Promise<void> {
    this.done += pixels;
    const { width, height } = this.header;
    this.watch.progress(Math.round(this.done), 2 * width * height);
    await this.watch.pause();
  }
}

/** The preview of a file, with its alpha and metadata. Throws AecError where there is none, or
 * one that is damaged. */
export async function decodePreview(model: Model, file: Container, watch: Watch): Promise<Picture> {
  const [small, reduction] = previewFile(file);
  const alpha = alphaOf(file);
  try {
    const picture = await new Decoder(model, small, watch).decode(1);
    return pictureOf(picture, file, alpha && reducedAlpha(alpha, reduction));
  } catch (error) {
    throw withSubject("the preview: ", error);
  }
}

/** A file of the preview alone, without metadata and alpha, and at which part it is. Throws
 * AecError where there is none. */
export function previewFile(file: Container): [Container, number] {
  if (!file.fields.preview) throw new AecError("the file has no preview");
  const { header, payload, reduction } = readPreview(file.fields.preview, file.header);
  const payloads = [{ data: payload, cut: false }];
  return [{ header, chunks: [], fields: {}, payloads }, reduction];
}

function alphaOf(file: Container): Alpha | undefined {
  const { alpha } = file.fields;
  return alpha && readAlpha(alpha, file.header.width, file.header.height);
}

function newRaster(width: number, height: number): Raster {
  return { width, height, rgba: new Uint8ClampedArray(4 * width * height) };
}

function pictureOf(raster: Raster, file: Container, alpha: Alpha | undefined): Picture {
  if (alpha) writeAlpha(alpha, raster);
  const { icc, exif, xmp } = file.fields;
  const { width, height, rgba } = raster;
  const hasAlpha = alpha !== undefined;
  return { width, height, rgba, gray: file.header.gray, hasAlpha, icc, exif, xmp };
}
