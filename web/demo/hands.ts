/** Pointers and keys on the stage: the divider is moved, or the picture where it is larger. */

import { element } from "./dom.ts";
import { hasOther, isActual, moveShare, pan, setShare, wipeTo } from "./view.ts";

const stage = element("stage");
const wipe = element("wipe");
const STEP = 0.02;
const LEAP = 0.1;
const PAN = 40; // CSS pixels a key
const SLOP = 8; // CSS pixels that a finger moves aside before it moves the divider

const KEYS: Record<string, (large: boolean) => void> = {
  ArrowLeft: (large) => moveShare(large ? -LEAP : -STEP),
  ArrowDown: (large) => moveShare(large ? -LEAP : -STEP),
  ArrowRight: (large) => moveShare(large ? LEAP : STEP),
  ArrowUp: (large) => moveShare(large ? LEAP : STEP),
  PageDown: () => moveShare(-LEAP),
  PageUp: () => moveShare(LEAP),
  Home: () => setShare(0),
  End: () => setShare(1),
};

const PANS: Record<string, [number, number]> = {
  ArrowLeft: [PAN, 0],
  ArrowRight: [-PAN, 0],
  ArrowUp: [0, PAN],
  ArrowDown: [0, -PAN],
};

/** Listens for both. */
export function listen(): void {
  wipe.addEventListener("keydown", (event) => {
    const move = KEYS[event.key];
    if (!move || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    move(event.shiftKey);
  });
  stage.addEventListener("keydown", (event) => {
    const way = PANS[event.key];
    if (!way || event.target !== stage || !isActual()) return;
    event.preventDefault();
    pan(...way);
  });
  stage.addEventListener("pointerdown", grab);
}

/** One drag. A finger that scrolls the page, until the browser cancels it, moves nothing. */
function grab(event: PointerEvent): void {
  if (event.button !== 0 || !event.isPrimary) return;
  const onWipe = wipe.contains(event.target as Node);
  const panning = isActual() && !onWipe;
  if (!panning && !hasOther()) return;
  stage.setPointerCapture(event.pointerId);
  const left = stage.getBoundingClientRect().left + stage.clientLeft;
  let last = { x: event.clientX, y: event.clientY };
  let aside = panning || onWipe || event.pointerType === "mouse";
  const move = (now: PointerEvent): void => {
    aside ||= Math.abs(now.clientX - last.x) >= SLOP;
    if (!aside) return;
    if (panning) pan(now.clientX - last.x, now.clientY - last.y);
    else wipeTo(now.clientX - left);
    last = { x: now.clientX, y: now.clientY };
  };
  const end = new AbortController();
  const release = (now: PointerEvent): void => {
    end.abort();
    if (now.type === "pointerup" && !panning) wipeTo(now.clientX - left);
  };
  stage.addEventListener("pointermove", move, { signal: end.signal });
  stage.addEventListener("pointerup", release, { signal: end.signal });
  stage.addEventListener("pointercancel", release, { signal: end.signal });
}
