/** Where jobs of a page are done: in a worker, made when the first one comes. */

import { AecError } from "./errors.js";
import type { Output } from "./jobs.js";
import type { FromWorker, ToWorker } from "./messages.js";
import type { Job } from "./options.js";

/** What is called before a job is done. */
export interface Listeners {
  progress(done: number, total: number): void;
  early(output: Output, scale: number): void;
  note(text: string): void;
}

interface Waiting extends Listeners {
  readonly bytes: Uint8Array;
  readonly job: Job;
  resolve(output: Output): void;
  reject(error: unknown): void;
}

const MOST_THREADS = 4;
const waiting = new Map<number, Waiting>();
let lastId = 0;
let worker: Worker | undefined;

/** Threads of the networks, unless a caller says otherwise. Only pages that are isolated across
 * origins may share memory between threads. */
export function defaultThreads(): number {
  return globalThis.crossOriginIsolated ? Math.min(navigator.hardwareConcurrency, MOST_THREADS) : 1;
}

/** The folder of models as an absolute URL; default: beside this module. */
export function modelsUrl(models: string | URL | undefined): string {
  if (models === undefined) return new URL("models/", import.meta.url).href;
  return new URL(models, globalThis.document?.baseURI ?? location.href).href;
}

/** Does a job. Rejects with AecError or, at once, with the reason of the signal. */
export function run(
  bytes: Uint8Array,
  job: Job,
  listeners: Listeners,
  signal?: AbortSignal,
): Promise<Output> {
  if (signal?.aborted) return Promise.reject(signal.reason);
  const id = ++lastId;
  const output = new Promise<Output>((resolve, reject) => {
    waiting.set(id, { ...listeners, bytes, job, resolve, reject });
  });
  submit(id, bytes, job);
  const abort = () => {
    settle(id)?.reject(signal!.reason);
    send({ id, abort: true });
  };
  signal?.addEventListener("abort", abort);
  return output.finally(() => signal?.removeEventListener("abort", abort));
}

/** The worker gets a copy of the bytes: `slice` of a Buffer is none. */
function submit(id: number, bytes: Uint8Array, job: Job): void {
  const copy = new Uint8Array(bytes);
  send({ id, bytes: copy, job }, [copy.buffer]);
}

function send(message: ToWorker, transfer: Transferable[] = []): void {
  worker ??= makeWorker();
  worker.postMessage(message, transfer);
}

/** A worker may not come from another origin, but import a module from there. */
function makeWorker(): Worker {
  const url = new URL("./worker.js", import.meta.url);
  if (url.origin === location.origin) {
    return listenTo(new Worker(new URL("./worker.js", import.meta.url), { type: "module" }));
  }
  const source = new Blob([`import ${JSON.stringify(url.href)};`], { type: "text/javascript" });
  const blob = URL.createObjectURL(source);
  return listenTo(new Worker(blob, { type: "module" }));
}

function listenTo(made: Worker): Worker {
  made.onmessage = ({ data }: MessageEvent<FromWorker>) => receive(data);
  made.onerror = (event) => {
    event.preventDefault();
    giveUp(made, `the worker failed: ${event.message || "it could not be loaded"}`);
  };
  return made;
}

function receive(message: FromWorker): void {
  const { id } = message;
  const job = waiting.get(id);
  if (message.kind === "error") settle(id)?.reject(new AecError(message.text));
  if (message.kind === "error" && message.spoilt) restart();
  if (!job) return;
  if (message.kind === "progress") job.progress(message.done, message.total);
  if (message.kind === "early") job.early(message.output, message.scale);
  if (message.kind === "note") job.note(message.text);
  if (message.kind === "done") settle(id)?.resolve(message.output);
}

/** The job of that id, which is over now. */
function settle(id: number): Waiting | undefined {
  const job = waiting.get(id);
  waiting.delete(id);
  return job;
}

/** A worker whose memory or networks have failed makes room for a new one, since memory of
 * WebAssembly never shrinks. It does the jobs that wait still: none of them had begun. */
function restart(): void {
  worker?.terminate();
  worker = undefined;
  for (const [id, { bytes, job }] of waiting) submit(id, bytes, job);
}

/** No job of a worker that cannot be loaded, or has ended, will ever be done. */
function giveUp(failed: Worker, text: string): void {
  failed.terminate();
  if (worker === failed) worker = undefined;
  for (const id of [...waiting.keys()]) settle(id)?.reject(new AecError(text));
}
