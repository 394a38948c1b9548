/** zlib streams (RFC 1950, RFC 1951), to a length that is known.
 *
 * Not by DecompressionStream: engines differ in what they take behind a stream, and a file is to be
 * refused everywhere or nowhere (SPEC 5.5).
 */

import { u32 } from "./bytes.js";
import { AecError } from "./errors.js";

const ADLER_BYTES = 4;
const ADLER_MODULUS = 65521;
/** Bytes after which the sums of Adler-32 are still below 2^31. */
const ADLER_RUN = 2048;
const END_OF_BLOCK = 256;
/** In which order a block names the lengths of the codes of lengths. */
const LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** A prefix code, for every value of so many bits: symbol * 16 + bits that it takes, 0 for none. */
interface Code {
  readonly bits: number;
  readonly table: Uint16Array;
}

/** The `length` bytes that a zlib stream holds. Throws AecError where they are more or fewer, the
 * stream is damaged or cut, or bytes follow it. */
export function inflated(data: Uint8Array, length: number): Uint8Array {
  if (data.length < 2) throw cut();
  const [method, flags] = [data[0]!, data[1]!];
  const known = (method & 15) === 8 && method >> 4 < 8 && !(flags & 32);
  if (!known || (256 * method + flags) % 31) throw damaged();
  const input = new Bits(data, 2);
  const output = new Output(length);
  for (let last = false; !last;) {
    last = input.take(1) === 1;
    readBlock(input.take(2), input, output);
  }
  const end = input.bytesBegin();
  if (end + ADLER_BYTES > data.length) throw cut();
  const { bytes, filled } = output;
  if (u32(data, end) !== adler32(bytes.subarray(0, filled))) throw damaged();
  if (end + ADLER_BYTES < data.length) throw new AecError("bytes follow its zlib stream");
  if (filled < length) throw new AecError(`${filled} bytes of samples, not ${length}`);
  return bytes;
}

function damaged(): AecError {
  return new AecError("its zlib stream is damaged");
}

function cut(): AecError {
  return new AecError("its zlib stream is cut");
}

/** Bits, the lowest of each byte first. */
class Bits {
  private held = 0;
  private count = 0;

  constructor(
    readonly data: Uint8Array,
    private next: number,
  ) {}

  /** The next bits, at most 16, as a number. */
  take(bits: number): number {
    const value = this.peek(bits);
    this.skip(bits);
    return value;
  }

  symbol({ bits, table }: Code): number {
    const entry = table[this.peek(bits)]!;
    if (!entry) throw damaged();
    this.skip(entry & 15);
    return entry >> 4;
  }

  /** The place of the first byte of which no bit was taken. Bits before it are dropped. */
  bytesBegin(): number {
    return this.next - (this.count >> 3);
  }

  /** Goes on with the byte at a place. */
  goTo(place: number): void {
    this.next = place;
    this.held = this.count = 0;
  }

  /** 0 behind the end. */
  private peek(bits: number): number {
    while (this.count < bits) {
      if (this.next < this.data.length) this.held |= this.data[this.next]! << this.count;
      this.next++;
      this.count += 8;
    }
    return this.held & ((1 << bits) - 1);
  }

  private skip(bits: number): void {
    this.held >>>= bits;
    this.count -= bits;
    if (this.bytesBegin() > this.data.length) throw cut();
  }
}

class Output {
  readonly bytes: Uint8Array;
  filled = 0;

  constructor(length: number) {
    this.bytes = new Uint8Array(length);
  }

  put(byte: number): void {
    this.reserve(1);
    this.bytes[this.filled++] = byte;
  }

  putAll(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.filled);
    this.filled += bytes.length;
  }

  /** Puts bytes once more that were put so far back. */
  repeat(count: number, distance: number): void {
    if (distance > this.filled) throw damaged();
    this.reserve(count);
    const { bytes } = this;
    for (const end = this.filled + count; this.filled < end; this.filled++) {
      bytes[this.filled] = bytes[this.filled - distance]!;
    }
  }

  private reserve(count: number): void {
    const { length } = this.bytes;
    if (this.filled + count > length) throw new AecError(`more than ${length} bytes of samples`);
  }
}

function readBlock(kind: number, input: Bits, output: Output): void {
  if (kind === 0) readStored(input, output);
  else if (kind === 1) readCoded(input, output, FIXED);
  else if (kind === 2) readCoded(input, output, readCodes(input));
  else throw damaged();
}

function readStored(input: Bits, output: Output): void {
  input.goTo(input.bytesBegin());
  const length = input.take(16);
  if ((length ^ input.take(16)) !== 0xffff) throw damaged();
  const start = input.bytesBegin();
  if (start + length > input.data.length) throw cut();
  output.putAll(input.data.subarray(start, start + length));
  input.goTo(start + length);
}

function readCoded(input: Bits, output: Output, [literals, distances]: [Code, Code]): void {
  for (;;) {
    const symbol = input.symbol(literals);
    if (symbol < END_OF_BLOCK) output.put(symbol);
    else if (symbol === END_OF_BLOCK) return;
    else output.repeat(readLength(symbol, input), readDistance(input.symbol(distances), input));
  }
}

function readLength(symbol: number, input: Bits): number {
  if (symbol < 265) return symbol - 254;
  if (symbol === 285) return 258;
  if (symbol > 285) throw damaged();
  const extra = (symbol - 261) >> 2;
  return 3 + ((4 + ((symbol - 265) & 3)) << extra) + input.take(extra);
}

function readDistance(symbol: number, input: Bits): number {
  if (symbol < 4) return symbol + 1;
  if (symbol > 29) throw damaged();
  const extra = (symbol >> 1) - 1;
  return 1 + ((2 + (symbol & 1)) << extra) + input.take(extra);
}

/** The two codes in front of a block. */
function readCodes(input: Bits): [Code, Code] {
  const [literals, distances, named] = [257 + input.take(5), 1 + input.take(5), 4 + input.take(4)];
  if (literals > 286 || distances > 30) throw damaged();
  const lengths = new Uint8Array(LENGTH_ORDER.length);
  for (const symbol of LENGTH_ORDER.slice(0, named)) lengths[symbol] = input.take(3);
  const both = readLengths(input, codeOf(lengths), literals + distances);
  if (!both[END_OF_BLOCK]) throw damaged();
  return [codeOf(both.subarray(0, literals), true), codeOf(both.subarray(literals), true)];
}

function readLengths(input: Bits, code: Code, count: number): Uint8Array {
  const lengths = new Uint8Array(count);
  for (let at = 0; at < count;) {
    const symbol = input.symbol(code);
    if (symbol < 16) {
      lengths[at++] = symbol;
      continue;
    }
    const times = symbol === 18 ? 11 + input.take(7) : 3 + input.take(symbol === 17 ? 3 : 2);
    if (at + times > count || (symbol === 16 && !at)) throw damaged();
    lengths.fill(symbol === 16 ? lengths[at - 1]! : 0, at, at + times);
    at += times;
  }
  return lengths;
}

/** The code of symbols that take so many bits each, 0 for none. mayLack: one code of one bit, or
 * none at all, will do; otherwise codes are complete. Throws AecError. */
function codeOf(lengths: Uint8Array, mayLack = false): Code {
  const bits = Math.max(1, ...lengths);
  const table = new Uint16Array(1 << bits);
  let code = 0;
  for (let length = 1; length <= bits; length++) {
    code *= 2;
    lengths.forEach((own, symbol) => {
      if (own !== length) return;
      if (code >> length) throw damaged();
      for (let n = reversed(code, length); n < table.length; n += 1 << length) {
        table[n] = 16 * symbol + length;
      }
      code++;
    });
  }
  if (code < table.length && !(mayLack && bits === 1)) throw damaged();
  return { bits, table };
}

/** The lowest bits of a code, the first one last. */
function reversed(code: number, bits: number): number {
  let result = 0;
  for (let n = 0; n < bits; n++) result |= ((code >> n) & 1) << (bits - 1 - n);
  return result;
}

/** The codes of a block that names none. */
const FIXED: [Code, Code] = [
  codeOf(
    Uint8Array.from({ length: 288 }, (_, n) => (n < 144 ? 8 : n < 256 ? 9 : n < 280 ? 7 : 8)),
  ),
  codeOf(new Uint8Array(32).fill(5)),
];

function adler32(data: Uint8Array): number {
  let [a, b] = [1, 0];
  for (let start = 0; start < data.length; start += ADLER_RUN) {
    const end = Math.min(data.length, start + ADLER_RUN);
    for (let n = start; n < end; n++) b += a += data[n]!;
    a %= ADLER_MODULUS;
    b %= ADLER_MODULUS;
  }
  return b * 65536 + a;
}
