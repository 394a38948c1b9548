/** The chunk FLTR: the coefficients of a photo's filter (SPEC 3.7). */

import { COEFFICIENT_LIMIT } from "./constants.js";
import { about, AecError } from "./errors.js";
import { SymbolDecoder } from "./payload.js";
import type { Table } from "./tables.js";

const COLOURS = 3;
const DIFFERENCES = 8 * COLOURS;
/** Bytes of L and the table indexes of the four kinds of coefficients. */
const HEAD_BYTES = 5;

export interface Filter {
  /** L: how many times differences count limited, 0 to 2 */
  readonly limits: number;
  /** [3, 28 + 24 L] */
  readonly coefficients: Int32Array;
}

/** The filter of a chunk that `checkChunk` has checked. Throws AecError for a damaged payload. */
export function readFilter(tables: readonly Table[], data: Uint8Array): Filter {
  const limits = data[0]!;
  const counts = [DIFFERENCES, limits * DIFFERENCES, COLOURS, 1];
  const colour = counts.flatMap((count, kind) => Array<number>(count).fill(data[1 + kind]!));
  const indexes = Uint8Array.from([...colour, ...colour, ...colour]);
  const coefficients = about("the filter's ", () => {
    const decoder = new SymbolDecoder(tables, data.subarray(HEAD_BYTES));
    const symbols = decoder.get(indexes);
    decoder.finish();
    return symbols;
  });
  if (coefficients.some((value) => Math.abs(value) > COEFFICIENT_LIMIT)) {
    throw new AecError(`a number of the filter is beyond ${COEFFICIENT_LIMIT}`);
  }
  return { limits, coefficients };
}
