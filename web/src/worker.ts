/** The worker in which pages decode. */

import { MEMORY_TEXT } from "./errors.js";
import { FetchedFiles } from "./fetched-files.js";
import { Jobs, type JobWatch, type Output } from "./jobs.js";
import type { FromWorker, ToWorker } from "./messages.js";
import { configureRuntime } from "./runtime.js";

const jobs = new Jobs((base) => new FetchedFiles(base));
const running = new Map<number, AbortController>();

function send(message: FromWorker, output?: Output): void {
  const transfer = output && typeof output === "object" && "rgba" in output;
  postMessage(message, transfer ? { transfer: [output.rgba.buffer] } : {});
}

addEventListener("message", ({ data }: MessageEvent<ToWorker>) => {
  if ("abort" in data) running.get(data.id)?.abort();
  else void run(data.id, data);
});

async function run(id: number, { bytes, job }: Extract<ToWorker, { bytes: unknown }>) {
  configureRuntime(job.threads, new URL("./", import.meta.url).href);
  const controller = new AbortController();
  running.set(id, controller);
  try {
    const output = await jobs.run(bytes, job, watchOf(id, controller.signal));
    send({ id, kind: "done", output }, output);
  } catch (error) {
    const { message: text } = error as Error;
    send({ id, kind: "error", text, outOfMemory: text === MEMORY_TEXT });
  } finally {
    running.delete(id);
  }
}

function watchOf(id: number, signal: AbortSignal): JobWatch {
  return {
    progress: (done, total) => send({ id, kind: "progress", done, total }),
    early: (output, scale) => send({ id, kind: "early", output, scale }, output),
    note: (text) => send({ id, kind: "note", text }),
    pause: async () => {
      await nextTask();
      signal.throwIfAborted();
    },
  };
}

/** Lets messages that have come be read. Timers would wait milliseconds. */
function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
