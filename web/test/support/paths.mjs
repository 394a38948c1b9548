/** Where things lie, and what a test says where they do not. */

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const WEB = fileURLToPath(new URL("../../", import.meta.url));
export const VECTORS = fileURLToPath(new URL("../../../formats/vectors/", import.meta.url));
export const MODELS = `${WEB}models/`;

export const manifest = JSON.parse(readFileSync(`${VECTORS}manifest.json`, "utf8"));

/** Throws, saying what to run, where the model of the vectors has not been exported. */
export function requireModel() {
  const id = manifest.model;
  if (existsSync(`${MODELS}${id}/model.json`)) return;
  throw new Error(
    `the model of the vectors is not there: run \`aecodec export-onnx ${id} web/models/${id}\``,
  );
}

/** The bytes of a vector, as "valid/q-63.aec". */
export function vector(name) {
  return new Uint8Array(readFileSync(VECTORS + name));
}

export function valid(name) {
  return vector(`valid/${name}.aec`);
}
