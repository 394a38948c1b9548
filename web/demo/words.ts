/** Numbers in plain English. */

const WHOLE = new Intl.NumberFormat("en");

/** 22421 -> "22,421". */
export function count(value: number): string {
  return WHOLE.format(value);
}

/** 5312000 -> "5.3 MB"; 22421 -> "22 KB". */
export function size(bytes: number): string {
  if (bytes >= 1e6) return `${(bytes / 1e6).toFixed(1)} MB`;
  return `${Math.max(1, Math.round(bytes / 1e3))} KB`;
}

/** 0.0436 -> "0.04 s"; 12.31 -> "12.3 s". */
export function seconds(value: number): string {
  return `${value.toFixed(value < 10 ? 2 : 1)} s`;
}

/** Bits per pixel with the digits that matter. */
export function rate(bits: number): string {
  return bits.toFixed(bits < 10 ? 2 : 1);
}
