/** Fetches a model ahead of the decoder, so that its time and its bytes can be told. */

/** What is told about a model. `cached`: no byte of it came over the network. */
export interface Fetched {
  name: string;
  bytes: number;
  seconds: number;
  cached: boolean;
}

interface Manifest {
  name: string;
  parts: Record<string, { file: string; bytes: number }>;
}

/** What the page has no use for: pictures at 1/4. */
const UNUSED = "small4";
const MODELS = new URL("models/", import.meta.url);
const fetched = new Map<string, Fetched>();

/** The folder of models that decoder and page use. */
export const models = MODELS.href;

/**
 * Fetches the files of a model once. The decoder asks for them again and gets them from the
 * cache; so are parts there, offline, that this picture does not need.
 */
export async function fetchModel(
  id: string,
  onBytes: (done: number, total: number) => void,
  signal: AbortSignal,
): Promise<Fetched> {
  const known = fetched.get(id);
  if (known) return { ...known, cached: true, seconds: 0 };
  const start = performance.now();
  const base = new URL(`${id}/`, MODELS);
  const told = await get(new URL("model.json", base), id, signal);
  const manifest = (await told.json()) as Manifest;
  const { [UNUSED]: _, ...used } = manifest.parts;
  const parts = Object.values(used);
  const total = parts.reduce((sum, part) => sum + part.bytes, 0);
  let done = 0;
  const whence = await Promise.all(
    parts.map(async (part) => {
      const response = await get(new URL(part.file, base), id, signal);
      await drain(response, (bytes) => onBytes((done += bytes), total));
      return fromCache(response);
    }),
  );
  const seconds = (performance.now() - start) / 1000;
  const result = { name: manifest.name, bytes: total, seconds, cached: whence.every(Boolean) };
  fetched.set(id, result);
  return result;
}

async function get(url: URL, id: string, signal: AbortSignal): Promise<Response> {
  const response = await fetch(url, { signal }).catch((error: unknown) => {
    signal.throwIfAborted();
    throw new Error(`its model ${id} cannot be fetched`, { cause: error });
  });
  if (!response.ok) throw new Error(`its model ${id} is not on this server`);
  return response;
}

async function drain(response: Response, onBytes: (bytes: number) => void): Promise<void> {
  const reader = response.body?.getReader();
  if (!reader) return;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    onBytes(part.value.byteLength);
  }
}

/** Whether the service worker, which says so, or the browser had the file already. */
function fromCache(response: Response): boolean {
  if (response.headers.has("x-from-cache")) return true;
  const [entry] = performance.getEntriesByName(response.url).slice(-1);
  const timing = entry as PerformanceResourceTiming | undefined;
  const served = navigator.serviceWorker?.controller;
  return !served && timing !== undefined && timing.transferSize === 0;
}
