/** Asymmetric numeral systems: a payload's words to entries of tables (SPEC 4.4).
 *
 * The state has 64 bits: two halves, as numbers of 32 bits. Sums and products below stay under
 * 2^53, which numbers have exactly.
 */

import { AecError } from "./errors.js";
import { LOOKUP_SHIFT, TOTAL, type Table } from "./tables.js";

const PLACE_MASK = TOTAL - 1;
const WORD = 2 ** 32;

export class AnsDecoder {
  private high = 0;
  private low = 0;
  private next = 0;
  private readonly words: Uint32Array;

  /** Throws AecError for a payload that no encoder writes. */
  constructor(payload: Uint8Array) {
    if (payload.length % 4) throw new AecError("payload: length is not a multiple of 4 bytes");
    const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
    this.words = Uint32Array.from({ length: payload.length / 4 }, (_, n) =>
      view.getUint32(4 * n, true),
    );
    if (this.words[0] === 0) throw new AecError("payload: damaged: its first word is 0");
    if (this.words.length) this.low = this.words[this.next++]!;
    this.refill();
  }

  /** Words that are left, those of the state included. */
  get wordsLeft(): number {
    return this.words.length - this.next + (this.high ? 2 : this.low ? 1 : 0);
  }

  /** The next symbols of a table, into `symbols` at some places: their entries less the largest
   * symbol, so that an escape is one more than that. */
  decode(table: Table, places: Uint32Array, symbols: Int32Array): void {
    const { starts, firsts, largest } = table;
    for (let n = 0; n < places.length; n++) {
      const place = this.low & PLACE_MASK;
      const stretch = place >>> LOOKUP_SHIFT;
      let entry = firsts[stretch]!;
      let last = firsts[stretch + 1]!;
      while (entry < last) {
        const middle = (entry + last + 1) >>> 1;
        if (starts[middle]! <= place) entry = middle;
        else last = middle - 1;
      }
      const start = starts[entry]!;
      this.advance(starts[entry + 1]! - start, place - start);
      symbols[places[n]!] = entry - largest;
    }
  }

  /** A number below `count`, each as likely as the others. */
  uniform(count: number): number {
    const share = Math.floor(TOTAL / count);
    const place = this.low & PLACE_MASK;
    const value = Math.min(count - 1, Math.floor(place / share));
    const start = value * share;
    this.advance(value === count - 1 ? TOTAL - start : share, place - start);
    return value;
  }

  /** state = floor(state / 2^24) frequency + rest, and another word where that is below 2^32.
   * The upper 40 bits of the state count as 16 and 24. */
  private advance(frequency: number, rest: number): void {
    const upper = (this.high >>> 16) * frequency;
    const lower = (((this.high & 0xffff) << 8) | (this.low >>> 24)) * frequency + rest;
    const sum = (upper % 256) * TOTAL + lower;
    const carried = Math.floor(sum / WORD);
    this.low = (sum - carried * WORD) >>> 0;
    this.high = Math.floor(upper / 256) + carried;
    this.refill();
  }

  private refill(): void {
    if (this.high === 0 && this.next < this.words.length) {
      this.high = this.low;
      this.low = this.words[this.next++]!;
    }
  }
}
