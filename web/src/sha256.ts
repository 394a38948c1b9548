/** SHA-256 (FIPS 180-4). Browsers have their own on secure pages only. */

import { hex } from "./bytes.js";

/** Fractional parts of a root of the first primes, in 32 bits. */
function rootFractions(count: number, root: (n: number) => number): Uint32Array {
  const primes: number[] = [];
  for (let n = 2; primes.length < count; n++) {
    if (primes.every((prime) => n % prime)) primes.push(n);
  }
  return Uint32Array.from(primes, (prime) => Math.floor((root(prime) % 1) * 2 ** 32));
}

const START = rootFractions(8, Math.sqrt);
const ROUNDS = rootFractions(64, Math.cbrt);

/** The SHA-256 of bytes, in hexadecimal. */
export function sha256(data: Uint8Array): string {
  const state = START.slice();
  const whole = data.length - (data.length % 64);
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  for (let at = 0; at < whole; at += 64) addBlock(state, view, at);
  const end = new Uint8Array(data.length - whole < 56 ? 64 : 128);
  end.set(data.subarray(whole));
  end[data.length - whole] = 0x80;
  const endView = new DataView(end.buffer);
  endView.setUint32(end.length - 8, Math.floor(data.length / 2 ** 29));
  endView.setUint32(end.length - 4, data.length * 8);
  for (let at = 0; at < end.length; at += 64) addBlock(state, endView, at);
  const digest = new DataView(new ArrayBuffer(32));
  state.forEach((word, n) => digest.setUint32(4 * n, word));
  return hex(new Uint8Array(digest.buffer));
}

const words = new Uint32Array(64);

function addBlock(state: Uint32Array, view: DataView, at: number): void {
  for (let n = 0; n < 16; n++) words[n] = view.getUint32(at + 4 * n);
  for (let n = 16; n < 64; n++) {
    const [a, b] = [words[n - 15]!, words[n - 2]!];
    const s0 = turned(a, 7) ^ turned(a, 18) ^ (a >>> 3);
    const s1 = turned(b, 17) ^ turned(b, 19) ^ (b >>> 10);
    words[n] = words[n - 16]! + s0 + words[n - 7]! + s1;
  }
  let [a, b, c, d, e, f, g, h] = state as unknown as number[] & { length: 8 };
  for (let n = 0; n < 64; n++) {
    const s1 = turned(e!, 6) ^ turned(e!, 11) ^ turned(e!, 25);
    const first = h! + s1 + ((e! & f!) ^ (~e! & g!)) + ROUNDS[n]! + words[n]!;
    const s0 = turned(a!, 2) ^ turned(a!, 13) ^ turned(a!, 22);
    const second = s0 + ((a! & b!) ^ (a! & c!) ^ (b! & c!));
    [h, g, f, e, d, c, b, a] = [g, f, e, (d! + first) | 0, c, b, a, (first + second) | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((value, n) => (state[n]! += value!));
}

function turned(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits));
}
