/** ONNX Runtime Web: networks as sessions of its WebAssembly backend. */

import * as ort from "onnxruntime-web/wasm";

export type { Tensor } from "onnxruntime-web/wasm";
type Tensor = ort.Tensor;
type Session = ort.InferenceSession;

/** What a network takes or gives, by name. */
export type Tensors = Record<string, Tensor>;

let configured = false;

/** Says how many threads networks use, and where the runtime's own files are; the first call
 * counts. */
export function configureRuntime(threads: number, folder: string): void {
  if (configured) return;
  configured = true;
  ort.env.logLevel = "error";
  ort.env.wasm.numThreads = threads;
  ort.env.wasm.wasmPaths = folder;
}

/** A network of an .onnx file's bytes. */
export async function openNetwork(bytes: Uint8Array): Promise<Session> {
  return ort.InferenceSession.create(bytes, {
    executionProviders: ["wasm"],
    graphOptimizationLevel: "all",
    logSeverityLevel: 3,
  });
}

export type Network = Session;

export function floats(data: Float32Array, shape: readonly number[]): Tensor {
  return new ort.Tensor("float32", data, shape);
}

export function integers(data: Int32Array, shape: readonly number[]): Tensor {
  return new ort.Tensor("int32", data, shape);
}

export function bytes(data: Uint8Array, shape: readonly number[]): Tensor {
  return new ort.Tensor("uint8", data, shape);
}

/** A single number as networks take it, int64 [1]. */
export function scalar(value: number): Tensor {
  return new ort.Tensor("int64", BigInt64Array.of(BigInt(value)), [1]);
}
