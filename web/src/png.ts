/** Pixels as a PNG file, whose samples are stored and not compressed: it is to be shown, not
 * kept. */

import { ascii, joined, u32Bytes } from "./bytes.js";
import { crc32 } from "./crc.js";
import { isProfile } from "./icc.js";
import type { Picture } from "./raster.js";

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
/** What a stored block of deflate has at most. */
const BLOCK_BYTES = 65535;
/** About as many bytes of lines are in a chunk IDAT. */
const CHUNK_BYTES = 2 ** 20;
/** Sums of so many bytes stay far below 2^53. */
const ADLER_BYTES = 5552;
const ADLER_BASE = 65521;

/** A PNG file of a picture and its metadata, in pieces. */
export async function pngOf(picture: Picture): Promise<Uint8Array<ArrayBuffer>[]> {
  const { width, height, gray, hasAlpha, icc, exif, xmp } = picture;
  const colourType = (gray ? 0 : 2) + (hasAlpha ? 4 : 0);
  const ihdr = joined([u32Bytes(width, height), Uint8Array.of(8, colourType, 0, 0, 0)]);
  const parts = [SIGNATURE, ...chunk("IHDR", ihdr)];
  if (icc && isProfile(icc, gray ? "GRAY" : "RGB ")) parts.push(...chunk("iCCP", ascii("icc\0\0"), await deflated(icc)));
  if (exif?.length) parts.push(...chunk("eXIf", exif));
  if (xmp?.length) parts.push(...chunk("iTXt", ascii("XML:com.adobe.xmp\0\0\0\0\0"), xmp));
  parts.push(...imageData(picture), ...chunk("IEND"));
  return parts as Uint8Array<ArrayBuffer>[];
}

/** A chunk of some data, in pieces. */
function chunk(type: string, ...data: Uint8Array[]): Uint8Array[] {
  const name = ascii(type);
  const length = data.reduce((sum, part) => sum + part.length, 0);
  const crc = [name, ...data].reduce((before, part) => crc32(part, before), 0);
  return [u32Bytes(length), name, ...data, u32Bytes(crc)];
}

async function deflated(data: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([data as BlobPart]).stream();
  const packed = stream.pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(packed).arrayBuffer());
}

/** The chunks IDAT: a zlib stream of stored blocks. */
function imageData(picture: Picture): Uint8Array[] {
  const { height } = picture;
  const lineBytes = 1 + picture.width * channelCount(picture);
  const rows = Math.max(1, Math.floor(CHUNK_BYTES / lineBytes));
  const parts = chunk("IDAT", Uint8Array.of(0x78, 0x01));
  const adler = new Adler();
  for (let top = 0; top < height; top += rows) {
    const lines = linesOf(picture, top, Math.min(height, top + rows), lineBytes);
    adler.add(lines);
    parts.push(...chunk("IDAT", ...storedBlocks(lines)));
  }
  parts.push(...chunk("IDAT", Uint8Array.of(1, 0, 0, 0xff, 0xff), u32Bytes(adler.value)));
  return parts;
}

function channelCount({ gray, hasAlpha }: Picture): number {
  return (gray ? 1 : 3) + (hasAlpha ? 1 : 0);
}

/** Lines of samples, each with the filter type 0 in front. */
function linesOf(picture: Picture, top: number, bottom: number, lineBytes: number): Uint8Array {
  const { width, rgba } = picture;
  const channels = picture.gray ? [0] : [0, 1, 2];
  if (picture.hasAlpha) channels.push(3);
  const lines = new Uint8Array((bottom - top) * lineBytes);
  channels.forEach((channel, n) => {
    for (let row = top; row < bottom; row++) {
      let to = (row - top) * lineBytes + 1 + n;
      let from = 4 * row * width + channel;
      for (const end = from + 4 * width; from < end; from += 4, to += channels.length) {
        lines[to] = rgba[from]!;
      }
    }
  });
  return lines;
}

function storedBlocks(data: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let start = 0; start < data.length; start += BLOCK_BYTES) {
    const block = data.subarray(start, start + BLOCK_BYTES);
    const length = block.length;
    const [low, high] = [length & 255, length >> 8];
    parts.push(Uint8Array.of(0, low, high, low ^ 255, high ^ 255), block);
  }
  return parts;
}

/** Adler-32 of zlib (RFC 1950). */
class Adler {
  private a = 1;
  private b = 0;

  add(data: Uint8Array): void {
    for (let start = 0; start < data.length; start += ADLER_BYTES) {
      const end = Math.min(data.length, start + ADLER_BYTES);
      for (let n = start; n < end; n++) {
        this.a += data[n]!;
        this.b += this.a;
      }
      this.a %= ADLER_BASE;
      this.b %= ADLER_BASE;
    }
  }

  get value(): number {
    return (this.b * 65536 + this.a) >>> 0;
  }
}
