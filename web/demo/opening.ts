/** Opens the bytes of a file: model, first picture, whole picture, and how long each took. */

import { defaultThreads } from "../src/backend.ts";
import { decode, info, type Info } from "../src/index.ts";
import { fetchModel, models, type Fetched } from "./model.ts";

/**
 * What is known once a picture is there. Times in seconds from the moment the model is there;
 * `first` is null where the whole picture was the first.
 */
export interface Opened {
  info: Info;
  model: Fetched;
  image: ImageData;
  first: number | null;
  whole: number;
  /** whether these times include the start of the decoder */
  started: boolean;
  threads: number;
}

/** What the page does meanwhile. */
export interface Watcher {
  onInfo(info: Info): void;
  onModel(done: number, total: number): void;
  onDecoded(done: number, total: number): void;
  onPicture(image: ImageData, whole: boolean): void;
}

let running = false;

/** Raises what the decoder raises, and Error where the model cannot be fetched. */
export async function open(
  bytes: Uint8Array,
  watcher: Watcher,
  signal: AbortSignal,
): Promise<Opened> {
  const told = info(bytes);
  watcher.onInfo(told);
  const model = await fetchModel(told.modelId, watcher.onModel, signal);
  const start = performance.now();
  const since = (): number => (performance.now() - start) / 1000;
  let first: number | null = null;
  const image = await decode(bytes, {
    models,
    signal,
    onProgress: watcher.onDecoded,
    onEarly: (early) => {
      if (signal.aborted) return;
      watcher.onPicture(early, false);
      first ??= since();
    },
  });
  signal.throwIfAborted();
  watcher.onPicture(image, true);
  const whole = since();
  const started = !running;
  running = true;
  return { info: told, model, image, first, whole, started, threads: defaultThreads() };
}
