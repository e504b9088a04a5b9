import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import * as ort from 'onnxruntime-web';
import { PbfWriter } from 'pbf';
import { bytesOfType } from '../../src/onnx/element.ts';
import { ModelFolder, type RealModel } from '../../src/onnx/real-models.ts';
import { root } from '../cli/install.mjs';
import { type GraphAsWritten, type NodeAsWritten, readGraph } from './network-graph.ts';

/** A step of a network: tensors by their place in `Network.tensors`. What it computes can be anything. */
export interface NetworkOp {
  readonly type: string;
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
}

/** A tensor as it is on a device: `bytes` for the shapes of the feeds, not rounded up. */
export interface NetworkTensor {
  readonly name: string;
  readonly bytes: number;
}

/** A real network as one that plans its memory sees it. */
export interface Network {
  readonly name: string;
  /** In the order they run. */
  readonly ops: readonly NetworkOp[];
  readonly tensors: readonly NetworkTensor[];
  /** Weights, other constants and inputs: there before the first op, and not planned. */
  readonly externals: readonly number[];
  /** Read after the last op; what else nobody reads is dead at once. */
  readonly outputs: readonly number[];
}

/** Where the real models lie, or `undefined`: SWITCHYARD_MODELS, as Vite finds it. Under vitest that is the address they are served at. */
export function modelsFolder(): string | undefined {
  const folder = resolve(root, process.env['SWITCHYARD_MODELS']?.replace(/^\/@fs(?=\/)/, '') ?? '../shared/models');
  return process.env['SWITCHYARD_MODELS'] !== '' && existsSync(resolve(folder, 'manifest.json')) ? folder : undefined;
}

/** The real models, read from disk instead of a server. */
class FolderOnDisk extends ModelFolder {
  readonly #folder: string;

  constructor(folder: string) {
    super(folder);
    this.#folder = folder;
  }

  override async read(path: string): Promise<Uint8Array<ArrayBuffer>> {
    return Uint8Array.from(await readFile(resolve(this.#folder, path)));
  }
}

/**
 * Every real model in `folder` as a network, one at a time: each is run once, on the CPU, to learn the sizes of what lies between its nodes.
 *
 * The graph is taken as it is written, except that what depends on no input is a constant, and that nodes come after those they read from. A node with graphs of its own (If, Loop, Scan) is one op, which reads
 * what those graphs read of the outer one. `Reshape` and its kind are ops like any other, though a runtime may give their output the memory of their input.
 */
export async function* readNetworks(folder: string): AsyncGenerator<Network> {
  ort.env.wasm.numThreads = 1;
  const models = new FolderOnDisk(folder);
  for (const model of await models.models()) {
    if (model.kind !== 'node') yield await readNetwork(models, model);
  }
}

async function readNetwork(models: ModelFolder, model: RealModel): Promise<Network> {
  const bytes = await models.read(model.file);
  const graph = withoutConstants(inOrder(readGraph(bytes)));
  const [sample] = await models.samples(model);
  const sizes = await measure(bytes, graph, sample!.feeds);
  return numbered(model.id, graph, sizes);
}

/** The nodes in the order of the file, but each behind those that it reads from: ONNX demands that, and some files do not keep to it. */
function inOrder(graph: GraphAsWritten): GraphAsWritten {
  const writers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name): [string, NodeAsWritten] => [name, node])));
  const placed = new Set<NodeAsWritten>();
  const place = (node: NodeAsWritten): void => {
    for (const writer of node.inputs.flatMap((name) => writers.get(name) ?? [])) if (!placed.has(writer)) place(writer);
    placed.add(node);
  };
  for (const node of graph.nodes) if (!placed.has(node)) place(node);
  return { ...graph, nodes: [...placed] };
}

/** The graph without the nodes that depend on no input; their outputs are constants like the weights. */
function withoutConstants(graph: GraphAsWritten): GraphAsWritten {
  const known = new Set(graph.constants);
  const nodes = graph.nodes.filter(({ inputs, outputs }) => {
    const isConstant = inputs.every((name) => known.has(name));
    if (isConstant) outputs.forEach((name) => known.add(name));
    return !isConstant;
  });
  return { ...graph, nodes, constants: [...known] };
}

/** The bytes of every value that a node writes and of every constant or input that one reads. */
async function measure(bytes: Uint8Array, graph: GraphAsWritten, feeds: Awaited<ReturnType<ModelFolder['samples']>>[number]['feeds']): Promise<ReadonlyMap<string, number>> {
  const sizes = new Map(Object.entries(feeds).map(([name, { type, data }]) => [name, bytesOfType(type, data.length)]));
  for (const [name, size] of graph.weights) sizes.set(name, size);
  const wanted = new Set(graph.nodes.flatMap(({ inputs, outputs }) => [...inputs, ...outputs]).filter((name) => !sizes.has(name)));
  const asked = [...wanted].filter((name) => !graph.outputs.includes(name));
  const session = await ort.InferenceSession.create(withOutputs(bytes, asked), { executionProviders: ['wasm'], graphOptimizationLevel: 'disabled', logSeverityLevel: 3 });
  try {
    const tensors = Object.entries(feeds).map(([name, { type, data, dims }]): [string, ort.Tensor] => [name, new ort.Tensor(type, data as ort.Tensor.DataType, dims)]);
    const results = await session.run(Object.fromEntries(tensors), [...wanted]);
    for (const [name, { type, size }] of Object.entries(results)) sizes.set(name, bytesOfType(type as Parameters<typeof bytesOfType>[0], size));
  } finally {
    await session.release();
  }
  return sizes;
}

/** Protobuf merges a message that comes twice, and its lists grow: a second graph at the end, of nothing but outputs, adds them to the first. */
function withOutputs(bytes: Uint8Array, names: readonly string[]): Uint8Array<ArrayBuffer> {
  const pbf = new PbfWriter();
  pbf.writeMessage(7, (all, graph) => {
    for (const name of all) graph.writeMessage(12, (it, value) => value.writeBytesField(1, new TextEncoder().encode(it)), name);
  }, names);
  const more = pbf.finish();
  const whole = new Uint8Array(bytes.length + more.length);
  whole.set(bytes);
  whole.set(more, bytes.length);
  return whole;
}

function numbered(name: string, { nodes, outputs, constants, inputs }: GraphAsWritten, sizes: ReadonlyMap<string, number>): Network {
  const tensors: NetworkTensor[] = [];
  const numbers = new Map<string, number>();
  const numberOf = (tensor: string): number => {
    let number = numbers.get(tensor);
    if (number === undefined) {
      const bytes = sizes.get(tensor);
      if (bytes === undefined) throw new Error(`${name}: nothing says how large ${tensor} is`);
      number = tensors.push({ name: tensor, bytes }) - 1;
      numbers.set(tensor, number);
    }
    return number;
  };
  const ops = nodes.map((node): NetworkOp => ({ type: node.type, inputs: node.inputs.map(numberOf), outputs: node.outputs.map(numberOf) }));
  const given = new Set([...constants, ...inputs]);
  return {
    name, ops, tensors,
    externals: [...numbers].flatMap(([tensor, number]) => (given.has(tensor) ? [number] : [])),
    outputs: outputs.flatMap((tensor) => (given.has(tensor) ? [] : numbers.get(tensor) ?? [])),
  };
}
