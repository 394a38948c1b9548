/** For pages: every <img> whose src ends in .aec is shown, also those that come later. */

import { AecError, toPng } from "./index.js";

/** Whether a source is an .aec file, whatever query or fragment follows. */
function isAec(source: string | null): boolean {
  return source !== null && /^[^?#]*\.aec(?:[?#]|$)/i.test(source);
}

/** What is known of an image: what stops its decode, and the URL of what it shows. */
interface Shown {
  controller: AbortController;
  url?: string;
}

const shown = new WeakMap<HTMLImageElement, Shown>();

/** What images showed that have left the page: URLs that are given back. */
const gone = new WeakMap<HTMLImageElement, string>();

/** The file of an image, also of one that comes back to the page. */
function sourceOf(image: HTMLImageElement): string | null {
  const source = image.getAttribute("src");
  const back = source !== null && gone.get(image) === source;
  return back ? (image.dataset["aec"] ?? null) : source;
}

/** Shows an image whose src is an .aec file: first what is there early, then the whole. */
async function show(image: HTMLImageElement): Promise<void> {
  const source = sourceOf(image);
  if (source === null || !isAec(source)) return;
  forget(image);
  const state: Shown = { controller: new AbortController() };
  const { signal } = state.controller;
  shown.set(image, state);
  image.dataset["aec"] = source;
  try {
    const bytes = await fetched(new URL(source, document.baseURI).href, signal);
    const onEarly = (early: Blob) => replace(image, state, early);
    replace(image, state, await toPng(bytes, { stored: false, onEarly, signal }));
  } catch (error) {
    if (!signal.aborted) fail(image, source, error);
  }
}

/** Stops the decode of an image, and gives back what it has shown. */
function forget(image: HTMLImageElement): void {
  const state = shown.get(image);
  state?.controller.abort();
  if (state?.url) URL.revokeObjectURL(state.url);
  shown.delete(image);
}

async function fetched(url: string, signal: AbortSignal): Promise<ArrayBuffer> {
  const response = await fetch(url, { signal });
  if (!response.ok) throw new AecError(`it cannot be fetched: status ${response.status}`);
  return response.arrayBuffer();
}

/** Shows a PNG file in place of what an image has shown, whose URL is given back. */
function replace(image: HTMLImageElement, state: Shown, file: Blob): void {
  if (state.controller.signal.aborted) return;
  if (state.url) URL.revokeObjectURL(state.url);
  state.url = URL.createObjectURL(file);
  image.src = state.url;
}

function fail(image: HTMLImageElement, source: string, error: unknown): void {
  const text = error instanceof Error ? error.message : String(error);
  console.error(`aecodec: ${source}: ${text}`);
  image.dispatchEvent(new ErrorEvent("error", { message: text, error }));
}

function showAll(node: Node): void {
  if (node instanceof HTMLImageElement) void show(node);
  if (node instanceof Element) node.querySelectorAll("img").forEach((image) => void show(image));
}

/** An image that has left the page, and is not elsewhere in it a moment later, shows its file again
 * when it comes back. */
function left(node: Node): void {
  const inside = node instanceof Element ? [...node.querySelectorAll("img")] : [];
  for (const image of node instanceof HTMLImageElement ? [node, ...inside] : inside) {
    setTimeout(() => {
      if (image.isConnected || !shown.has(image)) return;
      forget(image);
      gone.set(image, image.getAttribute("src") ?? "");
    });
  }
}

/** Browsers cannot show the file themselves, which is no error while we do. */
function hushed(event: Event): void {
  const image = event.target;
  if (!event.isTrusted || !(image instanceof HTMLImageElement) || !shown.has(image)) return;
  if (isAec(image.getAttribute("src"))) event.stopImmediatePropagation();
}

/** An image whose src the page has changed is shown anew, or no longer. */
function changed(image: Node): void {
  if (!(image instanceof HTMLImageElement)) return;
  if (isAec(image.getAttribute("src"))) void show(image);
  else if (image.getAttribute("src") !== shown.get(image)?.url) forget(image);
}

const observer = new MutationObserver((records) => {
  for (const { type, target, addedNodes, removedNodes } of records) {
    if (type === "attributes") changed(target);
    else {
      removedNodes.forEach(left);
      addedNodes.forEach(showAll);
    }
  }
});
observer.observe(document, {
  subtree: true,
  childList: true,
  attributes: true,
  attributeFilter: ["src"],
});
window.addEventListener("error", hushed, true);
showAll(document.documentElement);
