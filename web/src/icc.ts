/** ICC profiles, as far as it takes to tell those that a canvas has itself. */

import { latin1, u32 } from "./bytes.js";

/** What a profile says of samples: a colour space of canvases, or another one. */
export type Colours = "srgb" | "display-p3" | "other";

const HEADER_BYTES = 128;
/** What profiles have of a colour space, red, green and blue in turn: X, Y and Z. */
const PRIMARIES = {
  srgb: [0.4361, 0.2225, 0.0139, 0.3851, 0.7169, 0.0971, 0.1431, 0.0606, 0.7141],
  "display-p3": [0.5151, 0.2412, -0.0011, 0.2919, 0.6922, 0.0419, 0.1572, 0.0666, 0.7841],
};
/** How far profiles of one space are apart, made by different programs. */
const PRIMARY_TOLERANCE = 0.003;
/** Half a level of 8 bits, in the brightest and steepest part of the curve. */
const CURVE_TOLERANCE = 0.004;
/** Tags that stand for a conversion beside primaries and curves. */
const OTHER_WAYS = ["A2B0", "A2B1", "cicp"];

/** The colours of a picture's samples, by its profile. A profile for other samples than the
 * picture's says nothing, so that they are sRGB (SPEC 2.5, 3.3). */
export function coloursOf(icc: Uint8Array | undefined, gray: boolean): Colours {
  if (!icc || !isProfile(icc, gray ? "GRAY" : "RGB ")) return "srgb";
  const tags = tagsOf(icc);
  if (OTHER_WAYS.some((name) => tags.has(name))) return "other";
  const curves = gray ? ["kTRC"] : ["rTRC", "gTRC", "bTRC"];
  if (!curves.every((name) => isSrgbCurve(tags.get(name)))) return "other";
  return gray ? "srgb" : spaceOf(["rXYZ", "gXYZ", "bXYZ"].flatMap((name) => xyz(tags.get(name))));
}

/** Whether it is a profile for such samples, "RGB " or "GRAY". */
export function isProfile(icc: Uint8Array, samples: string): boolean {
  if (icc.length < HEADER_BYTES + 4) return false;
  return latin1(icc.subarray(36, 40)) === "acsp" && latin1(icc.subarray(16, 20)) === samples;
}

function spaceOf(primaries: readonly number[]): Colours {
  for (const space of ["srgb", "display-p3"] as const) {
    const near = PRIMARIES[space].every(
      (value, n) => Math.abs(value - (primaries[n] ?? Infinity)) < PRIMARY_TOLERANCE,
    );
    if (near) return space;
  }
  return "other";
}

/** The data of tags, those that are within the profile. */
function tagsOf(icc: Uint8Array): Map<string, Uint8Array> {
  const tags = new Map<string, Uint8Array>();
  const count = Math.min(u32(icc, HEADER_BYTES), 256);
  for (let n = 0; n < count; n++) {
    const entry = HEADER_BYTES + 4 + 12 * n;
    if (entry + 12 > icc.length) break;
    const [start, length] = [u32(icc, entry + 4), u32(icc, entry + 8)];
    if (start + length > icc.length) continue;
    tags.set(latin1(icc.subarray(entry, entry + 4)), icc.subarray(start, start + length));
  }
  return tags;
}

/** The s15Fixed16 number at a place. */
function fixed(data: Uint8Array, at: number): number {
  return (u32(data, at) | 0) / 65536;
}

function xyz(tag: Uint8Array | undefined): number[] {
  if (!tag || tag.length < 20 || latin1(tag.subarray(0, 4)) !== "XYZ ") return [];
  return [fixed(tag, 8), fixed(tag, 12), fixed(tag, 16)];
}

function isSrgbCurve(tag: Uint8Array | undefined): boolean {
  const curve = tag && (parametric(tag) ?? sampled(tag));
  if (!curve) return false;
  for (let x = 0; x <= 1; x += 1 / 32) {
    if (Math.abs(curve(x) - srgbCurve(x)) > CURVE_TOLERANCE) return false;
  }
  return true;
}

function srgbCurve(x: number): number {
  return x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;
}

type Curve = (x: number) => number;

/** The curve of type 3 of a tag `para`: (a x + b)^g from d on, c x below. */
function parametric(tag: Uint8Array): Curve | undefined {
  if (latin1(tag.subarray(0, 4)) !== "para" || tag.length < 32 || tag[9] !== 3) return undefined;
  const [g, a, b] = [fixed(tag, 12), fixed(tag, 16), fixed(tag, 20)];
  const [c, d] = [fixed(tag, 24), fixed(tag, 28)];
  return (x) => (x >= d ? Math.max(0, a * x + b) ** g : c * x);
}

/** The curve of a tag `curv` with samples. */
function sampled(tag: Uint8Array): Curve | undefined {
  if (latin1(tag.subarray(0, 4)) !== "curv" || tag.length < 12) return undefined;
  const count = u32(tag, 8);
  if (count < 16 || 12 + 2 * count > tag.length) return undefined;
  const sample = (n: number) => (tag[12 + 2 * n]! * 256 + tag[13 + 2 * n]!) / 65535;
  return (x) => {
    const place = x * (count - 1);
    const before = Math.min(count - 2, Math.floor(place));
    return sample(before) + (place - before) * (sample(before + 1) - sample(before));
  };
}
