/** Latents to x_hat, piece by piece: memory is bounded by the piece (SPEC 5.1, 5.3, 5.7). */

import type { Alpha } from "./alpha.js";
import { Box, roundedUp } from "./box.js";
import { LATENT_STRIDE, type Reduction } from "./constants.js";
import type { Filter } from "./filter.js";
import type { LatentsByTile } from "./latents.js";
import type { Model } from "./model.js";
import { halved, type Planes } from "./planes.js";
import { integers, scalar, type Tensor } from "./runtime.js";

/** Pixels, the side of a piece without what is around it. */
export const PIECE = 1024;
/** Pixels, how far a block of the networks sees. */
const BLOCK_REACH = 8;

/** What synthesis goes by. */
export interface Synthesis {
  readonly model: Model;
  readonly q: number;
  /** pixels of the whole picture */
  readonly width: number;
  readonly height: number;
  readonly filter: Filter | undefined;
  /** of the whole picture, what means of 2 by 2 samples weigh by */
  readonly alpha: Alpha | undefined;
}

/** The planes of a box `source` of the picture at 1/reduction, and `part`, the box within it whose
 * samples are right. */
export interface Piece {
  readonly planes: Planes;
  readonly source: Box;
  readonly part: Box;
  /** pixels of the whole picture that it stands for */
  readonly pixels: number;
}

/** The pieces of the whole picture at 1/reduction, from top to bottom; side: of a piece without
 * what is around it, pixels, a multiple of 64. */
export async function* synthesized(
  synthesis: Synthesis,
  latents: LatentsByTile,
  reduction: Reduction,
  side: number,
): AsyncGenerator<Piece> {
  const { width, height } = synthesis;
  const far = reach(synthesis, reduction);
  for (const piece of new Box(0, 0, height, width).parts(side)) {
    const around = piece.grown(far, width, height);
    const yR = await latents.of(around);
    const planes = await planesOf(synthesis, yR, around, reduction);
    yield {
      planes,
      source: around.shrunk(reduction),
      part: piece.shrunk(reduction),
      pixels: piece.area,
    };
  }
}

function isSmall(reduction: Reduction): boolean {
  return reduction >= 4;
}

/** How far a piece sees, in pixels, rounded up to whole latent positions (SPEC 5.3). */
function reach({ model, filter }: Synthesis, reduction: Reduction): number {
  const { small_blocks: small, synthesis_blocks: blocks } = model.facts;
  const filtered = filter ? reduction : 0;
  const pixels = BLOCK_REACH * (isSmall(reduction) ? small : blocks) + filtered;
  return roundedUp(pixels, LATENT_STRIDE);
}

/** x_hat of a box at 1/reduction, filtered; at 1/2 the filter comes before the means. */
async function planesOf(
  synthesis: Synthesis,
  yR: Tensor,
  around: Box,
  reduction: Reduction,
): Promise<Planes> {
  const { model, q, filter, alpha } = synthesis;
  const name = isSmall(reduction) ? `small${reduction}` : "g_s";
  let xHat = (await model.run(name, { y_r: yR, q: scalar(q) }))["x_hat"]!;
  if (filter) xHat = await filtered(model, xHat, filter, isSmall(reduction) ? reduction : 1);
  const [, , height, width] = xHat.dims as [number, number, number, number];
  const planes = { width, height, values: xHat.data as Float32Array };
  return reduction === 2 ? halved(planes, around, alpha) : planes;
}

async function filtered(
  model: Model,
  xHat: Tensor,
  { limits, coefficients }: Filter,
  reduction: number,
): Promise<Tensor> {
  const inputs = {
    x_hat: xHat,
    coefficients: integers(coefficients, [3, coefficients.length / 3]),
    reduction: scalar(reduction),
  };
  return (await model.run(`filter${limits}`, inputs))["filtered"]!;
}
