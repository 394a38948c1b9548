/** What leaves the library when a file, a model or a setting is at fault: one line of text. */
export class AecError extends Error {
  override name = "AecError";
}

/** An error of a model, whatever file it is needed for. */
export class ModelError extends AecError {}

export const MEMORY_TEXT = "out of memory: there is too little for this picture";

/** Runs a step; an AecError in it comes out with what it was about in front. */
export function about<T>(what: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    throw withSubject(what, error);
  }
}

/** An AecError of a file with what it is about in front; any other error as it is. */
export function withSubject(what: string, error: unknown): unknown {
  const ofFile = error instanceof AecError && !(error instanceof ModelError);
  return ofFile ? new AecError(`${what}${error.message}`) : error;
}

/** Whatever a step of a decode threw, as what a caller may see of it. */
export function asCallerError(error: unknown): Error {
  if (error instanceof AecError || isAbort(error)) return error as Error;
  if (isOutOfMemory(error)) return new AecError(MEMORY_TEXT);
  return new AecError(`decoding failed: ${textOf(error)}`);
}

/** Whether an error says that memory ran out: of JavaScript, or of the networks' WebAssembly. */
export function isOutOfMemory(error: unknown): boolean {
  if (error instanceof RangeError) return true;
  return /out of memory|bad_alloc|allocation failed|failed to allocate|OrtRun.*ERROR_CODE: 6/i
    .test(textOf(error));
}

/** Whether an error is that of an abort signal. */
export function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}

/** The text of anything thrown, in one line. */
export function textOf(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error);
  return text.split(/\s+/).join(" ").trim();
}
