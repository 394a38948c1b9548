/** The stage: our picture left of a divider, another right of it, at two zooms. */

import { element } from "./dom.ts";

export type Zoom = "fit" | "actual";

interface Size {
  width: number;
  height: number;
}

const stage = element("stage");
const sheet = element("sheet");
const ours = element("ours");
const other = element<HTMLImageElement>("other");
const wipe = element("wipe");
const labels = { ours: element("label-ours"), other: element("label-other") };
const MARGIN = 10; // CSS pixels around a label

let picture: Size = { width: 1, height: 1 };
let zoom: Zoom = "fit";
/** The top left corner of the sheet in the stage, in CSS pixels. */
let corner = { x: 0, y: 0 };
/** Where the divider stands, 0 to 1 of the part of the picture that is in sight. */
let share = 0.5;
let names = { ours: "aec", other: "" };

/** Draws our picture. An early one, smaller, is stretched to the size of the whole. */
export function showPicture(image: ImageData, size: Size, alt: string): void {
  const canvas = document.createElement("canvas");
  canvas.width = image.width;
  canvas.height = image.height;
  const context = canvas.getContext("2d", { colorSpace: image.colorSpace });
  context?.putImageData(image, 0, 0);
  ours.replaceChildren(canvas);
  if (sheet.hidden || size.width !== picture.width || size.height !== picture.height) {
    centre(size);
  }
  sheet.hidden = false;
  sheet.setAttribute("aria-label", alt);
  stage.style.setProperty("--aspect", `${size.width} / ${size.height}`);
  layout();
}

function centre(size: Size): void {
  picture = size;
  const scale = actualScale();
  corner = {
    x: (stage.clientWidth - size.width * scale) / 2,
    y: (stage.clientHeight - size.height * scale) / 2,
  };
}

/** Puts a picture on the other side, or nothing; labels name both sides. */
export function showOther(address: string | null, left: string, right: string): void {
  names = { ours: left, other: right };
  other.hidden = wipe.hidden = address === null;
  if (address === null) other.removeAttribute("src");
  else if (other.src !== address) other.src = address;
  labels.ours.textContent = left;
  labels.other.textContent = right;
  labels.ours.hidden = labels.other.hidden = address === null;
  layout();
}

/** Empties the stage. */
export function clear(): void {
  showOther(null, "", "");
  ours.replaceChildren();
  sheet.hidden = true;
}

/** "fit": the whole picture; "actual": each of its pixels as a square of whole screen pixels. */
export function setZoom(value: Zoom): void {
  zoom = value;
  stage.classList.toggle("actual", zoom === "actual");
  if (zoom === "actual") stage.tabIndex = 0;
  else stage.removeAttribute("tabindex");
  stage.ariaLabel = zoom === "actual" ? "Picture, moved by the arrow keys" : "Picture";
  centre(picture);
  layout();
}

export function isActual(): boolean {
  return zoom === "actual";
}

export function hasOther(): boolean {
  return !other.hidden;
}

/** Moves the picture under the stage. */
export function pan(x: number, y: number): void {
  corner = { x: corner.x + x, y: corner.y + y };
  layout();
}

/** Puts the divider at a distance from the left edge of the stage. */
export function wipeTo(x: number): void {
  const { left, right } = inSight();
  setShare((x - left) / (right - left || 1));
}

export function moveShare(step: number): void {
  setShare(share + step);
}

export function setShare(value: number): void {
  share = Math.min(1, Math.max(0, value));
  layout();
}

/** CSS pixels for one of the picture, a whole number of the screen's. */
function actualScale(): number {
  return Math.max(1, Math.round(devicePixelRatio)) / devicePixelRatio;
}

function scaleNow(): number {
  const { clientWidth, clientHeight } = stage;
  if (zoom === "actual") return actualScale();
  return Math.min(clientWidth / picture.width, clientHeight / picture.height);
}

/** From where to where the picture is seen, from the left edge of the stage. */
function inSight(): { left: number; right: number } {
  const end = corner.x + picture.width * scaleNow();
  return { left: Math.max(0, corner.x), right: Math.min(stage.clientWidth, end) };
}

/** Keeps the picture in the stage, or in its middle where it is smaller. */
function within(at: number, length: number, room: number): number {
  const place = length <= room ? (room - length) / 2 : Math.min(0, Math.max(room - length, at));
  return Math.round(place * devicePixelRatio) / devicePixelRatio;
}

/** Lays out all that stands on the stage. */
function layout(): void {
  const scale = scaleNow();
  const [width, height] = [picture.width * scale, picture.height * scale];
  corner = {
    x: within(corner.x, width, stage.clientWidth),
    y: within(corner.y, height, stage.clientHeight),
  };
  sheet.style.width = `${width}px`;
  sheet.style.height = `${height}px`;
  sheet.style.transform = `translate(${corner.x}px, ${corner.y}px)`;
  divide(width);
}

/** Puts divider, cut and labels where `share` says. width: of the sheet, in CSS pixels. */
function divide(width: number): void {
  const { left, right } = inSight();
  const at = left + share * (right - left);
  const cut = at - corner.x;
  ours.style.clipPath = hasOther() ? `inset(0 ${width - cut}px 0 0)` : "none";
  other.style.clipPath = `inset(0 0 0 ${cut}px)`;
  wipe.style.transform = `translateX(${at}px)`;
  const percent = Math.round(100 * share);
  wipe.setAttribute("aria-valuenow", String(percent));
  const text = `${percent} % ${names.ours}, ${100 - percent} % ${names.other}`;
  wipe.setAttribute("aria-valuetext", text);
  putLabel(labels.ours, left + MARGIN, at - left);
  putLabel(labels.other, right - MARGIN - labels.other.offsetWidth, right - at);
}

/** A label stands in the corner of its picture; where there is no room, it is not seen. */
function putLabel(label: HTMLElement, x: number, room: number): void {
  const y = Math.max(0, corner.y) + MARGIN;
  label.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px)`;
  label.classList.toggle("covered", label.offsetWidth + 2 * MARGIN > room);
}

new ResizeObserver(layout).observe(stage);
