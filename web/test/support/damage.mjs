/** Damaged files: flipped bytes, cuts, chunks of other files; most with right CRCs, so that what
 * lies behind them is reached. */

import { putTogether, takeApart } from "./files.mjs";
import { randomOf } from "./random.mjs";

/** The n-th damaged file of some whole ones, and the options to decode it with. */
export function damaged(files, n) {
  const random = randomOf(n);
  const file = random.pick(files);
  const kinds = [flipped, cut, spliced, headed, ...Array(6).fill(chunkDamaged)];
  const bytes = random.pick(kinds)(file, random, files);
  const options = {
    maxPixels: 2 ** 18,
    partial: random.below(6) === 0,
    preview: random.below(6) === 0,
    scale: random.pick([1, 1, 1, 2, 4, 8]),
  };
  return { bytes, options };
}

function flip(bytes, random) {
  for (let n = 1 + random.below(4); n > 0 && bytes.length; n--) {
    bytes[random.below(bytes.length)] ^= 1 << random.below(8);
  }
}

function flipped(file, random) {
  const bytes = file.slice();
  flip(bytes, random);
  return bytes;
}

function cut(file, random) {
  return file.slice(0, random.below(file.length));
}

/** A chunk of another file in place of one, or beside it. */
function spliced(file, random, files) {
  const parts = takeApart(file);
  const other = random.pick(takeApart(random.pick(files)).chunks);
  parts.chunks.splice(random.below(parts.chunks.length), random.below(2), other);
  return putTogether(parts);
}

/** A field of the header, or two, changed. */
function headed(file, random) {
  const parts = takeApart(file);
  const at = random.pick([17, 19, 20, 21, 23, 24, 25, 26, 27]);
  parts.header[at] ^= 1 << random.below(8);
  return putTogether(parts);
}

/** The data of a chunk flipped, cut, longer, or random. */
function chunkDamaged(file, random) {
  const parts = takeApart(file);
  const chunk = random.pick(parts.chunks);
  const kind = random.below(5);
  const { length } = chunk.data;
  if (kind < 2) flip(chunk.data, random);
  if (kind === 2) chunk.data = chunk.data.slice(0, 4 * random.below(1 + (length >> 2)));
  if (kind === 3) chunk.data = Uint8Array.from([...chunk.data, ...Array(4).fill(random.below(256))]);
  if (kind === 4) chunk.data = chunk.data.map(() => random.below(256));
  return putTogether(parts);
}
