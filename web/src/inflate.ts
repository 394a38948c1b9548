/** zlib streams (RFC 1950, RFC 1951), to a length that is known, by pako, which is zlib.
 *
 * Not by DecompressionStream: engines differ in what they take behind a stream, and a file is to be
 * refused everywhere or nowhere (SPEC 5.5).
 */

import { Z_BUF_ERROR, Z_FINISH, Z_STREAM_END, ZStream, zlibInflate, zlibInflateInit2 } from "pako";
import { AecError } from "./errors.js";

/** Distances are up to 32,768, whatever window a header names; no header but zlib's is taken. */
const WINDOW_BITS = 15;

/** The `length` bytes that a zlib stream holds. Throws AecError where they are more or fewer, the
 * stream is damaged or cut, or bytes follow it. */
export function inflated(data: Uint8Array, length: number): Uint8Array {
  const stream = new ZStream();
  zlibInflateInit2(stream, WINDOW_BITS);
  stream.input = data;
  stream.avail_in = data.length;
  // One byte more than wanted: only a stream that holds too many fills it.
  stream.output = new Uint8Array(length + 1);
  stream.avail_out = length + 1;
  const status = zlibInflate(stream, Z_FINISH);
  if (status !== Z_STREAM_END && status !== Z_BUF_ERROR) {
    throw new AecError("its zlib stream is damaged");
  }
  if (!stream.avail_out) throw new AecError(`more than ${length} bytes of samples`);
  if (status === Z_BUF_ERROR) throw new AecError("its zlib stream is cut");
  if (stream.avail_in) throw new AecError("bytes follow its zlib stream");
  if (stream.next_out < length) {
    throw new AecError(`${stream.next_out} bytes of samples, not ${length}`);
  }
  return stream.output.subarray(0, length);
}
