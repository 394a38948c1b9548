/**
 * The service worker: keeps the page, its scripts and what they fetch, and adds the headers that
 * threads need (COOP and COEP), so that any static server will do.
 *
 * The name of its cache is made of the content of all files, so a new page never mixes with an
 * old one. Files of the page are fetched at once, wasm, photos and what describes a model when they
 * are first used.
 */

/** Both are put in by build.mjs. */
declare const VERSION: string;
declare const FILES: string[];

const worker = self as unknown as ServiceWorkerGlobalScope;
const PREFIX = "aecodec-demo-";
const CACHE = PREFIX + VERSION;
const HEADERS = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
  "cross-origin-resource-policy": "same-origin",
};

worker.addEventListener("install", (event) => event.waitUntil(keepPage()));
worker.addEventListener("activate", (event) => event.waitUntil(takeOver()));
worker.addEventListener("fetch", (event) => {
  const { request } = event;
  const ours = request.method === "GET" && request.url.startsWith(worker.registration.scope);
  // Networks are kept by the decoder itself, in a cache that new pages go on with.
  if (ours && !request.url.endsWith(".onnx")) event.respondWith(answer(request));
});

async function keepPage(): Promise<void> {
  const cache = await caches.open(CACHE);
  await cache.addAll(FILES.map((file) => new Request(file, { cache: "reload" })));
}

async function takeOver(): Promise<void> {
  const names = await caches.keys();
  const old = names.filter((name) => name.startsWith(PREFIX) && name !== CACHE);
  await Promise.all(old.map((name) => caches.delete(name)));
  await worker.clients.claim();
}

async function answer(request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(keyOf(request));
  if (kept) return withHeaders(kept);
  const response = await fetch(request);
  if (response.status !== 200 || response.type !== "basic") return response;
  // A full disk is no reason to show nothing.
  await cache.put(keyOf(request), response.clone()).catch(() => undefined);
  return withHeaders(response);
}

/** The page has one address, whatever name or query it is asked for by. */
function keyOf(request: Request): string {
  const url = new URL(request.url);
  if (request.mode === "navigate") url.search = "";
  return url.href.replace(/\/index\.html$/, "/");
}

function withHeaders(response: Response): Response {
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(HEADERS)) headers.set(name, value);
  return new Response(response.body, { status: response.status, headers });
}
