/** The tables of a model made ready for decoding (SPEC 4.4). */

import { SYMBOL_LIMIT, TABLE_COUNT } from "./constants.js";
import { AecError } from "./errors.js";

export const PRECISION_BITS = 24;
export const TOTAL = 2 ** PRECISION_BITS;
/** Bits of a place in a table, of its 24, by which entries are looked up. */
const LOOKUP_BITS = 12;
/** What is right of them. */
export const LOOKUP_SHIFT = PRECISION_BITS - LOOKUP_BITS;

/** One quantized distribution of 2 K + 2 entries: symbols -K to K and, last, the escape. */
export interface Table {
  /** K */
  readonly largest: number;
  /** sums of the frequencies before each entry, and of all: [entries + 1] */
  readonly starts: Uint32Array;
  /** the entry of the first place of each stretch of 2^LOOKUP_SHIFT places, and one more */
  readonly firsts: Uint16Array;
}

/** sizes: entries of each table; frequencies: all tables one after the other. Throws AecError
 * unless every table is usable. */
export function makeTables(sizes: readonly number[], frequencies: readonly number[]): Table[] {
  const sum = sizes.reduce((before, size) => before + size, 0);
  if (sizes.length !== TABLE_COUNT || sum !== frequencies.length) {
    throw new AecError("tables: sizes do not match frequencies");
  }
  let start = 0;
  return sizes.map((size) => {
    const table = makeTable(frequencies.slice(start, start + size));
    start += size;
    return table;
  });
}

function makeTable(frequencies: readonly number[]): Table {
  const size = frequencies.length;
  if (size < 4 || size > 2 * SYMBOL_LIMIT + 2 || size % 2) {
    throw new AecError(`tables: a size is not 2 K + 2 with K in 1 to ${SYMBOL_LIMIT}`);
  }
  const starts = new Uint32Array(size + 1);
  frequencies.forEach((frequency, n) => {
    if (!(frequency >= 1)) throw new AecError("tables: frequencies must be positive");
    starts[n + 1] = starts[n]! + frequency;
  });
  if (starts[size] !== TOTAL) throw new AecError(`tables: frequencies must sum to ${TOTAL}`);
  return { largest: (size - 2) / 2, starts, firsts: firstEntries(starts) };
}

function firstEntries(starts: Uint32Array): Uint16Array {
  const firsts = new Uint16Array(2 ** LOOKUP_BITS + 1);
  let entry = 0;
  for (let n = 0; n < firsts.length; n++) {
    while (entry < starts.length - 2 && starts[entry + 1]! <= n * 2 ** LOOKUP_SHIFT) entry++;
    firsts[n] = entry;
  }
  return firsts;
}
