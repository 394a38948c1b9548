/** Payloads to latents (SPEC 4.1, 4.3, 4.5), and latents of any box of a picture. */

import type { Box } from "./box.js";
import { LATENT_STRIDE } from "./constants.js";
import type { Payload } from "./container.js";
import type { Model } from "./model.js";
import { symbolDecoder, type SymbolDecoder } from "./payload.js";
import { bytes, floats, integers, scalar, type Tensor, type Tensors } from "./runtime.js";

const STEPS = 4;
/** SPEC 4.1: what stands in front of a symbol, 1/16 steps. */
const SIXTEENTHS = 16;

/** y_r in 1/256 steps, [M, rows, columns]. */
export interface Latents {
  readonly rows: number;
  readonly columns: number;
  readonly values: Int32Array;
}

/** Latents of which nothing is known. */
export function noLatents(model: Model, box: Box): Latents {
  const [rows, columns] = box.latentSize();
  return { rows, columns, values: new Int32Array(model.facts.latent * rows * columns) };
}

/** The payload of a tile of that box -> its latents. Of a cut payload, those that have not arrived
 * are their predicted means. afterStep: called after each of the four steps. Throws AecError. */
export async function decodeLatents(
  model: Model,
  payload: Payload,
  box: Box,
  q: number,
  afterStep: () => Promise<void>,
): Promise<Latents> {
  const decoder = symbolDecoder(model.tables, payload);
  const latents = noLatents(model, box);
  const shape = [1, model.facts.latent, latents.rows, latents.columns];
  const yHat = new Float32Array(latents.values.length);
  const zHat = decodeHyper(model, decoder, latents.rows / 4, latents.columns / 4, q);
  const qs = scalar(q);
  let output = await model.run("hyper", { z_hat: zHat, q: qs });
  const fused = output["fused"]!;
  for (let step = 0; step < STEPS; step++) {
    if (step) {
      const seen = floats(yHat, shape);
      output = await model.run(`step${step}`, { y_hat: seen, fused, q: qs });
    }
    const decoded = await decodeStep(model, decoder, output);
    placeStep(model, step, decoded["y_r"]!.data as Int32Array, latents, latents.values);
    placeStep(model, step, decoded["y_hat"]!.data as Float32Array, latents, yHat);
    await afterStep();
  }
  decoder.finish();
  return latents;
}

/** The first batch -> z_hat in 1/16 steps, f32 [1, N, rows, columns]. */
function decodeHyper(
  model: Model,
  decoder: SymbolDecoder,
  rows: number,
  columns: number,
  q: number,
): Tensor {
  const { hyper, hyper_prior: prior } = model.facts;
  const size = rows * columns;
  const indexes = new Uint8Array(hyper * size);
  for (let c = 0; c < hyper; c++) indexes.fill(prior.index[q]![c]!, c * size, (c + 1) * size);
  const symbols = decoder.get(indexes);
  const values = new Float32Array(symbols.length);
  for (let c = 0, n = 0; c < hyper; c++) {
    const mean = prior.mean[q]![c]!;
    for (const end = n + size; n < end; n++) values[n] = SIXTEENTHS * symbols[n]! + mean;
  }
  return floats(values, [1, hyper, rows, columns]);
}

/** Mean and table index of a step -> its y_hat and y_r, all [1, M, rows / 2, columns / 2]. */
async function decodeStep(model: Model, decoder: SymbolDecoder, output: Tensors): Promise<Tensors> {
  const [mean, index] = [output["mean"]!, output["index"]!];
  const indexes = index.data as Uint8Array;
  const symbols = decoder.get(indexes);
  return model.run("points", {
    symbols: integers(symbols, index.dims),
    mean,
    index: bytes(indexes, index.dims),
  });
}

/** Puts the values of a step into their places of [M, rows, columns] (SPEC 4.1). */
function placeStep(
  model: Model,
  step: number,
  values: Int32Array | Float32Array,
  { rows, columns }: Latents,
  target: Int32Array | Float32Array,
): void {
  const { latent, quadtree } = model.facts;
  for (let c = 0, n = 0; c < latent; c++) {
    const position = quadtree[step]![Math.floor((4 * c) / latent)]!;
    for (let row = position >> 1; row < rows; row += 2) {
      const end = (c * rows + row + 1) * columns;
      for (let at = end - columns + (position & 1); at < end; at += 2) target[at] = values[n++]!;
    }
  }
}

/** Latents of a picture that are decoded tile by tile, when they are needed.
 *
 * Called with boxes of whole latent positions, from top to bottom. What is held are the tiles
 * beside a box and those that later boxes of its rows may want or, with `keep`, all of them.
 */
export class LatentsByTile {
  private readonly known = new Map<number, Latents>();

  constructor(
    private readonly tiles: readonly Box[],
    private readonly channels: number,
    private readonly decode: (number: number, tile: Box) => Promise<Latents>,
    private readonly keep: boolean,
  ) {}

  /** Latents of the box, int32 [1, M, height / 16, width / 16]. */
  async of(box: Box): Promise<Tensor> {
    const [rows, columns] = [box.height / LATENT_STRIDE, box.width / LATENT_STRIDE];
    const values = new Int32Array(this.channels * rows * columns);
    for (const [number, tile] of this.tiles.entries()) {
      if (tile.bottom <= box.top && !this.keep) this.known.delete(number);
      if (touches(tile, box)) {
        copyLatents(await this.latentsOf(number, tile), tile, values, box, this.channels);
      }
    }
    return integers(values, [1, this.channels, rows, columns]);
  }

  private async latentsOf(number: number, tile: Box): Promise<Latents> {
    const latents = this.known.get(number) ?? (await this.decode(number, tile));
    this.known.set(number, latents);
    return latents;
  }
}

/** Whether a tile, padded, has pixels of a box. */
function touches(tile: Box, box: Box): boolean {
  const padded = tile.grown(0, Infinity, Infinity);
  return (
    padded.top < box.bottom &&
    padded.bottom > box.top &&
    padded.left < box.right &&
    padded.right > box.left
  );
}

function copyLatents(
  from: Latents,
  tile: Box,
  values: Int32Array,
  box: Box,
  channels: number,
): void {
  const [rows, columns] = [box.height / LATENT_STRIDE, box.width / LATENT_STRIDE];
  const down = (tile.top - box.top) / LATENT_STRIDE;
  const right = (tile.left - box.left) / LATENT_STRIDE;
  const first = Math.max(0, -right);
  const last = Math.min(from.columns, columns - right);
  const bottom = Math.min(from.rows, rows - down);
  for (let c = 0; c < channels; c++) {
    for (let row = Math.max(0, -down); row < bottom; row++) {
      const start = (c * from.rows + row) * from.columns;
      const line = from.values.subarray(start + first, start + last);
      values.set(line, (c * rows + row + down) * columns + right + first);
    }
  }
}

