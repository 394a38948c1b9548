/** Rectangles of pixels, and where their latents lie (SPEC 2.7, 4.1, 5.3, 5.7). */

import { HYPER_STRIDE, LATENT_STRIDE } from "./constants.js";

/** A number rounded up to a multiple of a unit. */
export function roundedUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}

/** Pixels, rows top to bottom, columns left to right, ends excluded. */
export class Box {
  constructor(
    readonly top: number,
    readonly left: number,
    readonly bottom: number,
    readonly right: number,
  ) {}

  get width(): number {
    return this.right - this.left;
  }

  get height(): number {
    return this.bottom - this.top;
  }

  get area(): number {
    return this.width * this.height;
  }

  /** The box grown to whole hyper-latent positions and so many pixels around it, within the
   * padded picture of that size. */
  grown(reach: number, width: number, height: number): Box {
    const up = (n: number) => roundedUp(n, HYPER_STRIDE);
    const down = (n: number) => n - (n % HYPER_STRIDE);
    return new Box(
      Math.max(0, down(this.top) - reach),
      Math.max(0, down(this.left) - reach),
      Math.min(up(height), up(this.bottom) + reach),
      Math.min(up(width), up(this.right) + reach),
    );
  }

  /** The pixels of the picture at 1/reduction of its size that the box touches. */
  shrunk(reduction: number): Box {
    return new Box(
      Math.floor(this.top / reduction),
      Math.floor(this.left / reduction),
      Math.ceil(this.bottom / reduction),
      Math.ceil(this.right / reduction),
    );
  }

  /** Boxes of at most `side` pixels each way, cut at multiples of it, row by row. */
  parts(side: number): Box[] {
    const columns = cuts(this.left, this.right, side);
    return cuts(this.top, this.bottom, side).flatMap(([top, bottom]) =>
      columns.map(([left, right]) => new Box(top, left, bottom, right)),
    );
  }

  /** Rows and columns of the latents of the box, padded. */
  latentSize(): [number, number] {
    const size = (n: number) => roundedUp(n, HYPER_STRIDE) / LATENT_STRIDE;
    return [size(this.height), size(this.width)];
  }
}

function cuts(start: number, end: number, side: number): [number, number][] {
  const found: [number, number][] = [];
  for (let next; start < end; start = next) {
    next = Math.min(end, (Math.floor(start / side) + 1) * side);
    found.push([start, next]);
  }
  return found;
}
