/** zlib streams, to a length that is known. */

import { AecError } from "./errors.js";

/** The first `length` bytes that a zlib stream unpacks to; what it would unpack to beyond them is
 * not unpacked. Throws AecError where there are fewer. */
export async function inflated(data: Uint8Array, length: number): Promise<Uint8Array> {
  const result = new Uint8Array(length);
  const reader = new Blob([data as BlobPart])
    .stream()
    .pipeThrough(new DecompressionStream("deflate"))
    .getReader();
  let filled = 0;
  while (filled < length) {
    const { done, value } = await reader.read();
    if (done) throw new AecError(`${filled} bytes of samples, not ${length}`);
    const part = value.subarray(0, length - filled);
    result.set(part, filled);
    filled += part.length;
  }
  reader.cancel().catch(() => undefined);
  return result;
}
