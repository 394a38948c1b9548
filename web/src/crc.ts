/** CRC-32 of PNG, gzip and zlib (SPEC 1.3), eight bytes at a time. */

const TABLES = makeTables();

function makeTables(): Uint32Array[] {
  const first = new Uint32Array(256);
  for (let n = 0; n < 256; n++) {
    let crc = n;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    first[n] = crc;
  }
  const tables = [first];
  for (let k = 1; k < 8; k++) {
    const before = tables[k - 1]!;
    tables.push(before.map((crc) => (crc >>> 8) ^ first[crc & 255]!));
  }
  return tables;
}

/** The CRC of bytes; `before`: the CRC of what lies in front of them. */
export function crc32(data: Uint8Array, before = 0): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = TABLES as unknown as [
    Uint32Array, Uint32Array, Uint32Array, Uint32Array,
    Uint32Array, Uint32Array, Uint32Array, Uint32Array,
  ];
  let crc = ~before;
  let n = 0;
  for (const end = data.length - 7; n < end; n += 8) {
    crc ^= data[n]! | (data[n + 1]! << 8) | (data[n + 2]! << 16) | (data[n + 3]! << 24);
    crc =
      t7[crc & 255]! ^ t6[(crc >>> 8) & 255]! ^ t5[(crc >>> 16) & 255]! ^ t4[crc >>> 24]! ^
      t3[data[n + 4]!]! ^ t2[data[n + 5]!]! ^ t1[data[n + 6]!]! ^ t0[data[n + 7]!]!;
  }
  for (; n < data.length; n++) crc = (crc >>> 8) ^ t0[(crc ^ data[n]!) & 255]!;
  return ~crc >>> 0;
}
