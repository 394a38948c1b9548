/**
 * The service worker: keeps the page, its scripts and what they fetch, and adds the headers that
 * threads need (COOP and COEP), so that any static server will do.
 *
 * The name of its cache is made of the content of all files, and none of another content is kept,
 * so that a new page does not mix with an old one. What is not the page's is let alone. Files of the page are fetched at once, wasm, photos and what describes a model when they
 * are first used.
 */

import { hex } from "../src/bytes.js";

/** These are put in by build.mjs: names as the page asks for them; of LATE, what is fetched when it
 * is first used, with the SHA-256. */
declare const VERSION: string;
declare const FILES: string[];
declare const LATE: Record<string, string>;

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
  const name = nameOf(request);
  if (request.method === "GET" && name !== undefined) event.respondWith(answer(request, name));
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

/** The name of a file of the page; undefined: it is none. The page itself, "./", has one name,
 * whatever query it is asked for with. Networks are kept by the decoder itself, in a cache that new
 * pages go on with. */
function nameOf(request: Request): string | undefined {
  const { scope } = worker.registration;
  if (!request.url.startsWith(scope)) return undefined;
  const url = new URL(request.url);
  if (request.mode === "navigate") url.search = "";
  const name = url.href.slice(scope.length).replace(/^(index\.html)?$/, "./");
  return FILES.includes(name) || Object.hasOwn(LATE, name) ? name : undefined;
}

async function answer(request: Request, name: string): Promise<Response> {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(name);
  if (kept) return withHeaders(kept);
  const response = await fetch(request);
  if (response.status !== 200 || response.type !== "basic") return response;
  if ((await digestOf(response.clone())) === LATE[name]) {
    // A full disk is no reason to show nothing.
    await cache.put(name, response.clone()).catch(() => undefined);
  }
  return withHeaders(response);
}

async function digestOf(response: Response): Promise<string> {
  const bytes = await response.arrayBuffer();
  return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
}

function withHeaders(response: Response): Response {
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(HEADERS)) headers.set(name, value);
  return new Response(response.body, { status: response.status, headers });
}
