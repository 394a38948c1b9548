/** Serves the files of some folders, isolated across origins or not. */

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";

const TYPES = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".json": "application/json",
  ".wasm": "application/wasm",
};

/** folders: first part of a path -> folder; pages: path -> HTML. -> { origin, close }. */
export async function serve({ folders, pages = {}, isolated = false }) {
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url, "http://host").pathname);
    response.setHeader("Access-Control-Allow-Origin", "*");
    response.setHeader("Cross-Origin-Resource-Policy", "cross-origin");
    if (isolated) {
      response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
      response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
    }
    const body = pages[path] ?? (await fileAt(folders, path));
    response.statusCode = body === undefined ? 404 : 200;
    const type = pages[path] === undefined ? TYPES[extname(path)] : "text/html";
    response.setHeader("Content-Type", type ?? "application/octet-stream");
    response.end(body);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { origin: `http://127.0.0.1:${server.address().port}`, close };
}

async function fileAt(folders, path) {
  const [, first, ...rest] = normalize(path).split("/");
  const folder = folders[first];
  return folder && readFile(join(folder, ...rest)).catch(() => undefined);
}
