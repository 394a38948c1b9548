/** For pages: every <img> whose src ends in .aec is shown, also those that come later. */

import { toPng } from "./index.js";

/** Whether a source is an .aec file, whatever query or fragment follows. */
function isAec(source: string | null): boolean {
  return source !== null && /^[^?#]*\.aec(?:[?#]|$)/i.test(source);
}

/** Images being shown, with what stops them. */
const shown = new WeakMap<HTMLImageElement, AbortController>();

/** Shows an image whose src is an .aec file: first what is there early, then the whole. */
async function show(image: HTMLImageElement): Promise<void> {
  const source = image.getAttribute("src");
  if (source === null || !isAec(source)) return;
  shown.get(image)?.abort();
  const controller = new AbortController();
  const { signal } = controller;
  shown.set(image, controller);
  image.dataset["aec"] = source;
  try {
    const bytes = await fetched(new URL(source, document.baseURI).href, signal);
    const onEarly = (early: Blob) => replace(image, early, signal);
    replace(image, await toPng(bytes, { stored: false, onEarly, signal }), signal);
  } catch (error) {
    if (!signal.aborted) fail(image, source, error);
  }
}

async function fetched(url: string, signal: AbortSignal): Promise<ArrayBuffer> {
  const response = await fetch(url, { signal });
  if (!response.ok) throw new Error(`status ${response.status}`);
  return response.arrayBuffer();
}

/** Shows a PNG file in place of what an image shows, whose URL is given back. */
function replace(image: HTMLImageElement, file: Blob, signal: AbortSignal): void {
  if (signal.aborted) return;
  const before = image.src;
  image.src = URL.createObjectURL(file);
  if (before.startsWith("blob:")) URL.revokeObjectURL(before);
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

/** An image whose src has been changed is shown anew, or no longer. */
function changed(image: Node): void {
  if (!(image instanceof HTMLImageElement)) return;
  const source = image.getAttribute("src");
  if (isAec(source)) void show(image);
  else if (!source?.startsWith("blob:")) shown.get(image)?.abort();
}

const observer = new MutationObserver((records) => {
  for (const { type, target, addedNodes } of records) {
    if (type === "attributes") changed(target);
    else addedNodes.forEach(showAll);
  }
});
observer.observe(document, {
  subtree: true,
  childList: true,
  attributes: true,
  attributeFilter: ["src"],
});
showAll(document.documentElement);
