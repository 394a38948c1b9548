/** Fetches a model ahead of the decoder, so that its time and its bytes can be told. */

import { FetchedFiles } from "../src/fetched-files.ts";

/** What is told about a model. `cached`: its networks were here already. */
export interface Fetched {
  name: string;
  bytes: number;
  seconds: number;
  cached: boolean;
}

interface Part {
  file: string;
  bytes: number;
  sha256: string;
}

interface Manifest {
  name: string;
  parts: Record<string, Part>;
}

/** What the page has no use for: pictures at 1/4. */
const UNUSED = "small4";
const files = new FetchedFiles(new URL("models/", import.meta.url).href);
const fetched = new Map<string, Fetched>();

/** The folder of models that decoder and page use. */
export const models = files.base;

/**
 * Has the decoder's own cache take the files of a model in, one after the other; so are parts
 * there, offline, that this picture does not need. Throws Error where they cannot be fetched.
 */
export async function fetchModel(
  id: string,
  onBytes: (done: number, total: number) => void,
  signal: AbortSignal,
): Promise<Fetched> {
  const known = fetched.get(id);
  if (known) return { ...known, cached: true, seconds: 0 };
  const start = performance.now();
  const text = new TextDecoder().decode(await read(id, "model.json"));
  const { name, parts } = JSON.parse(text) as Manifest;
  const { [UNUSED]: _, ...used } = parts;
  const total = Object.values(used).reduce((sum, part) => sum + part.bytes, 0);
  let done = 0;
  let cached = true;
  for (const { file, bytes, sha256 } of Object.values(used)) {
    onBytes(done, total);
    cached &&= await isKept(`${id}/${file}`);
    await read(id, file, sha256);
    signal.throwIfAborted();
    done += bytes;
  }
  onBytes(total, total);
  const seconds = (performance.now() - start) / 1000;
  const result = { name, bytes: total, seconds, cached };
  fetched.set(id, result);
  return result;
}

async function read(id: string, file: string, sha256?: string): Promise<Uint8Array> {
  const data = await files.read(`${id}/${file}`, sha256).catch((error: unknown) => {
    throw new Error(`its model ${id} cannot be fetched`, { cause: error });
  });
  if (!data) throw new Error(`its model ${id} is not on this server`);
  return data;
}

/** Whether some cache holds a file, whatever its key says behind the name. */
async function isKept(path: string): Promise<boolean> {
  if (typeof caches === "undefined") return false;
  const found = caches.match(new URL(path, models).href, { ignoreSearch: true });
  return (await found.catch(() => undefined)) !== undefined;
}
