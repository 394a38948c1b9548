/** A model: what its model.json says, and its networks, each loaded when it is first needed. */

import { MachineError, ModelError, textOf } from "./errors.js";
import { openNetwork, type Network, type Tensors } from "./runtime.js";
import { sha256 } from "./sha256.js";
import { makeTables, type Table } from "./tables.js";

/** Reads files below a base: [file name, relative to it] -> its bytes; undefined: not there. */
export interface ModelFiles {
  /** for messages */
  readonly base: string;
  read(path: string, sha256?: string): Promise<Uint8Array | undefined>;
}

interface Part {
  file: string;
  bytes: number;
  sha256: string;
}

/** The fields of model.json that decoding needs. */
interface ModelFacts {
  model_id: string;
  latent: number;
  hyper: number;
  synthesis_blocks: number;
  small_blocks: number;
  quadtree: number[][];
  hyper_prior: { mean: number[][]; index: number[][] };
  tables: { sizes: number[]; frequencies: number[] };
  parts: Record<string, Part>;
}

/** The parts that every picture takes. */
const SHARED_PARTS = ["hyper", "points", "step1", "step2", "step3"];

/** Bytes of a model.json, the most: ours are below 1 MiB. */
const MAX_FACTS_BYTES = 2 ** 24;

export class Model {
  readonly tables: readonly Table[];
  private readonly networks = new Map<string, Promise<Network>>();
  private readonly reading = new Map<string, Promise<Uint8Array>>();

  /** Throws ModelError for facts that are no model's. */
  constructor(
    readonly facts: ModelFacts,
    private readonly files: ModelFiles,
  ) {
    this.tables = makeTables(facts.tables.sizes, facts.tables.frequencies);
  }

  /** Runs a part of the model. Throws ModelError where it cannot be loaded. */
  async run(name: string, inputs: Tensors): Promise<Tensors> {
    const network = await this.network(name);
    return (await network.run(inputs)) as Tensors;
  }

  private network(name: string): Promise<Network> {
    let network = this.networks.get(name);
    if (!network) {
      network = this.load(name);
      this.networks.set(name, network);
      network.catch(() => this.networks.delete(name));
    }
    return network;
  }

  /** Begins to read the parts that all pictures take, and some others, all at once. */
  prefetch(others: readonly string[]): void {
    for (const name of [...SHARED_PARTS, ...others]) {
      if (this.networks.has(name) || this.reading.has(name)) continue;
      const data = this.read(name);
      this.reading.set(name, data);
      data.catch(() => this.reading.get(name) === data && this.reading.delete(name));
    }
  }

  private async load(name: string): Promise<Network> {
    const data = this.reading.get(name) ?? this.read(name);
    this.reading.delete(name);
    const bytes = await data;
    try {
      return await openNetwork(bytes);
    } catch (error) {
      const { file } = this.facts.parts[name]!;
      throw new MachineError(`the network ${file} cannot be used: ${textOf(error)}`);
    }
  }

  private async read(name: string): Promise<Uint8Array> {
    const id = this.facts.model_id;
    const part = this.facts.parts[name];
    if (!part) throw new ModelError(`model ${id} has no part ${name}`);
    const data = await this.files.read(`${id}/${part.file}`, part.sha256);
    if (!data) throw new ModelError(`model ${id} is not whole: there is no ${part.file}`);
    if (data.length !== part.bytes || sha256(data) !== part.sha256) {
      throw new ModelError(`model ${id} is damaged: ${part.file} is another file`);
    }
    return data;
  }
}

/** The model of that id. Throws ModelError where it is not installed, or not usable. */
export async function loadModel(id: string, files: ModelFiles): Promise<Model> {
  const data = await files.read(`${id}/model.json`);
  if (!data) throw new ModelError(`model ${id} is not installed; none lies at ${files.base}`);
  try {
    if (data.length > MAX_FACTS_BYTES) throw new ModelError("it is too long");
    const facts = JSON.parse(new TextDecoder().decode(data)) as ModelFacts;
    checkFacts(facts, id);
    return new Model(facts, files);
  } catch (error) {
    throw new ModelError(`model ${id}: its model.json cannot be used: ${textOf(error)}`);
  }
}

function checkFacts(facts: ModelFacts, id: string): void {
  const rowsOf = (rows: number[][], count: number, length: number) =>
    rows.length === count && rows.every((row) => row.length === length);
  const { mean, index } = facts.hyper_prior;
  const whole =
    facts.model_id === id &&
    [facts.latent, facts.hyper, facts.synthesis_blocks, facts.small_blocks].every(isCount) &&
    facts.latent % 4 === 0 &&
    rowsOf(facts.quadtree, 4, 4) &&
    rowsOf(mean, 64, facts.hyper) &&
    rowsOf(index, 64, facts.hyper);
  if (!whole) throw new ModelError("it is not that of this model");
}

function isCount(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 4096;
}
