/** A canvas that shows a picture early, then whole. */

import { AecError } from "./errors.js";
import { readHead } from "./container.js";
import type { DecodeOptions } from "./options.js";
import { isSideways, orientationOf } from "./orientation.js";

type Canvas = HTMLCanvasElement | OffscreenCanvas;
type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

export class EarlyCanvas {
  private context: Context | undefined;

  constructor(
    private readonly canvas: Canvas,
    private readonly bytes: Uint8Array,
    private readonly options: DecodeOptions,
  ) {}

  /** Shows an early image, made as large as the whole will be. */
  early(image: ImageData): void {
    const [width, height] = this.wholeSize();
    const context = this.sized(width, height, image);
    const small = new OffscreenCanvas(image.width, image.height);
    const { colorSpace } = image;
    small.getContext("2d", { colorSpace })!.putImageData(image, 0, 0);
    context.drawImage(small, 0, 0, width, height);
  }

  whole(image: ImageData): void {
    const { width, height, data } = image;
    const context = this.sized(width, height, image);
    context.putImageData(image, 0, 0);
    const [, , , alpha] = context.getImageData(width - 1, height - 1, 1, 1).data;
    if (data[data.length - 1]! > 0 && !alpha) {
      throw new AecError(`a canvas here cannot hold ${width}x${height} pixels: take a scale`);
    }
  }

  /** Width and height of the canvas in the end: of the picture as it is to be seen. */
  private wholeSize(): [number, number] {
    const { header, fields } = readHead(this.bytes);
    const size = header.whole().shrunk(this.options.scale ?? 1);
    const turned = !this.options.stored && isSideways(orientationOf(fields.exif));
    return turned ? [size.height, size.width] : [size.width, size.height];
  }

  /** The canvas, cleared, of a size; its colour space is that of the first image shown. */
  private sized(width: number, height: number, { colorSpace }: ImageData): Context {
    this.canvas.width = width;
    this.canvas.height = height;
    this.context ??= this.canvas.getContext("2d", { colorSpace }) as Context;
    return this.context;
  }
}
