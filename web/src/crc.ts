/** CRC-32 of PNG, gzip and zlib (SPEC 1.3), eight bytes at a time. */

const TABLES = makeTables();

/** The CRCs of a byte with 0 to 7 zeros behind it. */
function makeTables() {
  const first = new Uint32Array(256);
  for (let n = 0; n < 256; n++) {
    let crc = n;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    first[n] = crc;
  }
  const behind = (table: Uint32Array) => table.map((crc) => (crc >>> 8) ^ first[crc & 255]!);
  const second = behind(first);
  const third = behind(second);
  const fourth = behind(third);
  const fifth = behind(fourth);
  const sixth = behind(fifth);
  const seventh = behind(sixth);
  return [first, second, third, fourth, fifth, sixth, seventh, behind(seventh)] as const;
}

/** The CRC of bytes; `before`: the CRC of what lies in front of them. */
export function crc32(data: Uint8Array, before = 0): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = TABLES;
  let crc = ~before;
  let n = 0;
  for (const end = data.length - 7; n < end; n += 8) {
    crc ^= data[n]! | (data[n + 1]! << 8) | (data[n + 2]! << 16) | (data[n + 3]! << 24);
    crc =
      t7[crc & 255]! ^
      t6[(crc >>> 8) & 255]! ^
      t5[(crc >>> 16) & 255]! ^
      t4[crc >>> 24]! ^
      t3[data[n + 4]!]! ^
      t2[data[n + 5]!]! ^
      t1[data[n + 6]!]! ^
      t0[data[n + 7]!]!;
  }
  for (; n < data.length; n++) crc = (crc >>> 8) ^ t0[(crc ^ data[n]!) & 255]!;
  return ~crc >>> 0;
}
