/** The symbols of a payload, batch by batch (SPEC 4.4). */

import { AnsDecoder } from "./ans.js";
import { SYMBOL_LIMIT, TABLE_COUNT } from "./constants.js";
import type { Payload } from "./container.js";
import { AecError } from "./errors.js";
import type { Table } from "./tables.js";

const EXPONENTS = 17;
/** Decoded at a time where the payload may end. */
const ARRIVED_SYMBOLS = 64;

/** Takes a payload, then gives batches in coding order. */
export class SymbolDecoder {
  protected readonly ans: AnsDecoder;
  /** how many symbols have escaped so far */
  escapes = 0;

  /** Throws AecError for a payload that no encoder writes. */
  constructor(
    private readonly tables: readonly Table[],
    payload: Uint8Array,
  ) {
    this.ans = new AnsDecoder(payload);
  }

  /** indexes [n], the table of each symbol -> symbols [n]. Throws AecError for damaged data. */
  get(indexes: Uint8Array): Int32Array {
    const symbols = new Int32Array(indexes.length);
    const escaped: number[] = [];
    for (const [index, places] of placesByTable(indexes)) {
      const table = this.tables[index]!;
      const count = this.entries(table, places, symbols);
      const escape = table.largest + 1;
      for (let n = 0; n < count; n++) {
        if (symbols[places[n]!] === escape) escaped.push(places[n]!);
      }
    }
    const values = this.escapeValues(escaped.length);
    escaped.forEach((place, n) => {
      symbols[place] = escapedSymbol(values[n]!, symbols[place]! - 1);
    });
    this.escapes += escaped.length;
    return symbols;
  }

  /** Throws AecError when words are left over. */
  finish(): void {
    if (this.ans.wordsLeft) throw new AecError("payload: data left after the last symbol");
  }

  /** Symbols of a table at some places; how many of them there are. */
  protected entries(table: Table, places: Uint32Array, symbols: Int32Array): number {
    this.ans.decode(table, places, symbols);
    return places.length;
  }

  /** What escapes stand for, from 1: exponents, then the mantissas of each. */
  protected escapeValues(count: number): Int32Array {
    const exponents = Array.from({ length: count }, () => this.ans.uniform(EXPONENTS));
    const values = Int32Array.from(exponents, (exponent) => 1 << exponent);
    for (let exponent = 1; exponent < EXPONENTS; exponent++) {
      for (let n = exponents.indexOf(exponent); n >= 0; n = exponents.indexOf(exponent, n + 1)) {
        values[n]! += this.ans.uniform(1 << exponent);
      }
    }
    return values;
  }
}

/** Decodes the beginning of a payload: symbols whose words have not arrived are 0. */
class ArrivedSymbolDecoder extends SymbolDecoder {
  constructor(tables: readonly Table[], payload: Uint8Array) {
    super(tables, payload.subarray(0, payload.length - (payload.length % 4)));
  }

  override get(indexes: Uint8Array): Int32Array {
    return this.isEmpty ? new Int32Array(indexes.length) : super.get(indexes);
  }

  /** As many as the words suffice for, a few of the last ones given up. */
  protected override entries(table: Table, places: Uint32Array, symbols: Int32Array): number {
    for (let start = 0; start < places.length; start += ARRIVED_SYMBOLS) {
      const part = places.subarray(start, start + ARRIVED_SYMBOLS);
      this.ans.decode(table, part, symbols);
      if (this.isEmpty) {
        for (const place of part) symbols[place] = 0;
        return start;
      }
    }
    return places.length;
  }

  protected override escapeValues(count: number): Int32Array {
    const values = super.escapeValues(count);
    return this.isEmpty ? values.fill(0) : values;
  }

  /** Nothing is known of the end. */
  override finish(): void {}

  /** Whether the state, which is two words, has missed a word, or soon will. */
  private get isEmpty(): boolean {
    return this.ans.wordsLeft <= 2;
  }
}

/** The decoder of a payload, whole or cut. Throws AecError. */
export function symbolDecoder(tables: readonly Table[], payload: Payload): SymbolDecoder {
  return new (payload.cut ? ArrivedSymbolDecoder : SymbolDecoder)(tables, payload.data);
}

/** Table indexes in use, descending, and the places of their symbols, ascending. */
function* placesByTable(indexes: Uint8Array): Generator<[number, Uint32Array]> {
  const ends = new Uint32Array(TABLE_COUNT);
  for (let n = 0; n < indexes.length; n++) ends[indexes[n]!]!++;
  const counts = ends.slice();
  for (let index = TABLE_COUNT - 1, sum = 0; index >= 0; index--) {
    ends[index] = sum;
    sum += counts[index]!;
  }
  const places = new Uint32Array(indexes.length);
  for (let n = 0; n < indexes.length; n++) places[ends[indexes[n]!]!++] = n;
  for (let index = TABLE_COUNT - 1; index >= 0; index--) {
    const end = ends[index]!;
    if (counts[index]) yield [index, places.subarray(end - counts[index]!, end)];
  }
}

/** e of SPEC 4.4 -> the symbol, 0 -> 0. Throws AecError for one that no encoder writes. */
function escapedSymbol(value: number, largest: number): number {
  const magnitude = ((value + 1) >> 1) + largest;
  if (magnitude > SYMBOL_LIMIT) throw new AecError(`payload: a symbol is beyond ${SYMBOL_LIMIT}`);
  if (value === 0) return 0;
  return value % 2 ? magnitude : -magnitude;
}
