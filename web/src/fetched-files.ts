/** Files of models, fetched; networks are kept in the browser's cache, where it has one. */

import { hex } from "./bytes.js";
import { ModelError, textOf } from "./errors.js";
import type { ModelFiles } from "./model.js";

const CACHE = "aecodec-models";

export class FetchedFiles implements ModelFiles {
  constructor(readonly base: string) {}

  /** The file at a path below the base; undefined: there is none. One whose SHA-256 is given is
   * kept under it. Throws ModelError where nothing can be fetched. */
  async read(path: string, sha256?: string): Promise<Uint8Array | undefined> {
    const url = new URL(path, this.base).href;
    const cache = sha256 ? await openCache() : undefined;
    const key = `${url}?sha256=${sha256}`;
    const kept = await cache?.match(key).catch(() => undefined);
    if (kept) {
      const bytes = new Uint8Array(await kept.arrayBuffer());
      if ((await digestOf(bytes)) === sha256) return bytes;
      await cache?.delete(key);
    }
    const response = await fetched(url);
    if (response.status === 404 || response.status === 403) return undefined;
    if (!response.ok) throw new ModelError(`${url} cannot be fetched: status ${response.status}`);
    const bytes = new Uint8Array(await bodyOf(url, response));
    if (cache && (await digestOf(bytes)) === sha256) {
      await cache.put(key, new Response(bytes)).catch(() => undefined);
    }
    return bytes;
  }
}

/** Pages that are not secure have no cache, those in some private windows may not open it. */
async function openCache(): Promise<Cache | undefined> {
  return typeof caches === "undefined" ? undefined : caches.open(CACHE).catch(() => undefined);
}

/** SHA-256 in hexadecimal digits, by the browser: where there is a cache, it has that, too. */
async function digestOf(bytes: Uint8Array): Promise<string> {
  return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as BufferSource)));
}

async function fetched(url: string): Promise<Response> {
  try {
    return await fetch(url);
  } catch (error) {
    throw new ModelError(`${url} cannot be fetched: ${textOf(error)}`);
  }
}

async function bodyOf(url: string, response: Response): Promise<ArrayBuffer> {
  try {
    return await response.arrayBuffer();
  } catch (error) {
    throw new ModelError(`${url} cannot be fetched: ${textOf(error)}`);
  }
}
