/** The chunk `prvw`: a picture of thumbnail size, coded as a tile is (SPEC 3.8). */

import { MAX_Q, PREVIEW_SIDE } from "./constants.js";
import { AecError } from "./errors.js";
import { Header } from "./header.js";

const HEAD_BYTES = 3;

/** What the chunk holds: the picture at 1/reduction, coded at a q of its own. */
export interface Preview {
  readonly reduction: number;
  /** that of a file of this picture alone, of one tile */
  readonly header: Header;
  readonly payload: Uint8Array;
}

/** The preview of the picture of that header. Throws AecError. */
export function readPreview(data: Uint8Array, header: Header): Preview {
  if (data.length < HEAD_BYTES) {
    throw new AecError(`the chunk prvw has ${data.length} bytes, fewer than ${HEAD_BYTES}`);
  }
  const [reduction, q] = [data[0]! * 256 + data[1]!, data[2]!];
  const { width, height } = header;
  if (reduction < 2 || Math.max(width, height) > PREVIEW_SIDE * reduction) {
    throw new AecError(
      `the chunk prvw is 1/${reduction} of ${width}x${height} pixels, ` +
        `not at most ${PREVIEW_SIDE} each way`,
    );
  }
  if (q > MAX_Q) throw new AecError(`the chunk prvw has q ${q}, not 0 to ${MAX_Q}`);
  const [w, h] = [Math.ceil(width / reduction), Math.ceil(height / reduction)];
  const own = new Header(header.modelId, w, h, q, header.mode, PREVIEW_SIDE);
  return { reduction, header: own, payload: data.subarray(HEAD_BYTES) };
}
