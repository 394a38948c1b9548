/** Files taken apart and put together again with right CRCs, in node and on pages. */

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
  return n;
});

export function crc32(data) {
  let crc = -1;
  for (const byte of data) crc = (crc >>> 8) ^ TABLE[(crc ^ byte) & 255];
  return ~crc >>> 0;
}

export function u32(value) {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}

/** -> { header: 28 bytes, chunks: [{ type, data }] }. */
export function takeApart(file) {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const chunks = [];
  for (let at = 32; at < file.length; ) {
    const length = view.getUint32(at);
    const type = String.fromCharCode(...file.subarray(at + 4, at + 8));
    chunks.push({ type, data: file.slice(at + 8, at + 8 + length) });
    at += 12 + length;
  }
  return { header: file.slice(0, 28), chunks };
}

/** Inverse of `takeApart`; the index says the lengths of the tiles as they are. */
export function putTogether({ header, chunks }) {
  const tiles = chunks.filter(({ type }) => type === "TILE");
  const bytes = [...header, ...u32(crc32(header))];
  for (const { type, data } of chunks) {
    const index = type === "TIDX" && data.length === 4 * tiles.length;
    const body = index ? tiles.flatMap((tile) => u32(tile.data.length)) : data;
    const named = [...type].map((letter) => letter.charCodeAt(0)).concat(...[Array.from(body)]);
    for (const byte of [...u32(body.length), ...named, ...u32(crc32(named))]) bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}

/** A file with another chunk in front of its others. */
export function withChunk(file, type, data) {
  const parts = takeApart(file);
  parts.chunks.unshift({ type, data: Uint8Array.from(data) });
  return putTogether(parts);
}

/** EXIF of nothing but an orientation. */
export function exifOf(orientation) {
  const entry = [0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0];
  return [0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 1, ...entry, 0, 0, 0, 0];
}

/** A picture of 1024x736 pixels, of the tiles of a small one and the preview of another, as the
 * vectors have no larger ones. tiled: of tiles of 128; previewed: with a preview of 34x24. */
export function largerPicture(tiled, previewed) {
  const { header, chunks } = takeApart(tiled);
  const view = new DataView(header.buffer);
  view.setUint32(17, 1024);
  view.setUint32(21, 736);
  const preview = takeApart(previewed).chunks.find(({ type }) => type === "prvw");
  preview.data.set([0, 31]);
  const tile = chunks.find(({ type }) => type === "TILE");
  const tiles = Array(48).fill(tile);
  const index = { type: "TIDX", data: new Uint8Array(4 * 48) };
  return putTogether({ header, chunks: [preview, index, ...tiles] });
}
