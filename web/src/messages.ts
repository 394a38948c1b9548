/** What page and worker say to each other. */

import type { Output } from "./jobs.js";
import type { Job } from "./options.js";

export type ToWorker =
  | { id: number; bytes: Uint8Array; job: Job }
  | { id: number; abort: true };

export type FromWorker =
  | { id: number; kind: "progress"; done: number; total: number }
  | { id: number; kind: "early"; output: Output; scale: number }
  | { id: number; kind: "note"; text: string }
  | { id: number; kind: "done"; output: Output }
  | { id: number; kind: "error"; text: string; outOfMemory: boolean };
