/** Where jobs in node are done: in the process. Takes the place of backend.ts in node.js. */

import { access, readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { setImmediate } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Listeners } from "./backend.js";
import { FetchedFiles } from "./fetched-files.js";
import { Jobs, type Output } from "./jobs.js";
import type { ModelFiles } from "./model.js";
import type { Job } from "./options.js";
import { configureRuntime } from "./runtime.js";

const MOST_THREADS = 4;

const jobs = new Jobs((base) =>
  base.startsWith("file:") ? new FilesOnDisk(base) : new FetchedFiles(base),
);

/** Files below a folder, whose URL is `base`. */
class FilesOnDisk implements ModelFiles {
  constructor(readonly base: string) {}

  async read(path: string): Promise<Uint8Array | undefined> {
    const name = fileURLToPath(new URL(path, this.base));
    const there = await access(name).then(
      () => true,
      () => false,
    );
    return there ? new Uint8Array(await readFile(name)) : undefined;
  }
}

export function defaultThreads(): number {
  return Math.min(availableParallelism(), MOST_THREADS);
}

/** The folder of models, a path or a URL, as a URL; default: beside this module. */
export function modelsUrl(models: string | URL | undefined): string {
  if (models === undefined) return new URL("models/", import.meta.url).href;
  const isUrl = models instanceof URL || /^(https?|file):/.test(models);
  return isUrl ? String(models) : pathToFileURL(resolve(models)).href;
}

/** Does a job. Rejects with AecError or, when the job before it lets it, the reason of the signal. */
export async function run(
  bytes: Uint8Array,
  job: Job,
  listeners: Listeners,
  signal?: AbortSignal,
): Promise<Output> {
  signal?.throwIfAborted();
  configureRuntime(job.threads, new URL("./", import.meta.url).href);
  const pause = async () => {
    await setImmediate();
    signal?.throwIfAborted();
  };
  try {
    return await jobs.run(bytes, job, { ...listeners, pause });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
