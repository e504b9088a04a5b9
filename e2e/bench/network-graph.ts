import { PbfReader } from 'pbf';
import { bytesOfCode, countOf } from '../../src/onnx/element.ts';

/** One node; names of values, without those left out. */
export interface NodeAsWritten {
  readonly type: string;
  /** Also what its own graphs read of the outer one. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** The main graph of an ONNX file. */
export interface GraphAsWritten {
  readonly nodes: readonly NodeAsWritten[];
  /** What must be fed: inputs that have no weights. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** What is known without feeds: at first the names of `weights`. */
  readonly constants: readonly string[];
  /** Initializers, and the bytes of each. */
  readonly weights: ReadonlyMap<string, number>;
}

interface Names {
  readonly nodes: NodeAsWritten[];
  readonly inputs: string[];
  readonly outputs: string[];
  readonly weights: Map<string, number>;
}

/**
 * Reads how the nodes of a model are connected. For files of the project's own choice: `src/onnx/proto.ts` is the reader that trusts nobody.
 * Field numbers are those of onnx.proto (ONNX 1.19). Local functions are not looked into: a call of one is a node.
 */
export function readGraph(bytes: Uint8Array): GraphAsWritten {
  const names = noNames();
  new PbfReader(bytes).readFields((field, into, pbf) => {
    if (field === 7) pbf.readMessage(readGraphField, into);
  }, names);
  return { ...names, inputs: names.inputs.filter((name) => !names.weights.has(name)), constants: [...names.weights.keys()] };
}

const noNames = (): Names => ({ nodes: [], inputs: [], outputs: [], weights: new Map() });

function readGraphField(field: number, names: Names, pbf: PbfReader): void {
  if (field === 1) names.nodes.push(readNode(pbf));
  else if (field === 5) names.weights.set(...readWeights(pbf));
  else if (field === 15) pbf.readMessage((part, into, sparse) => { if (part === 1) into.weights.set(...readWeights(sparse)); }, names);
  else if (field === 11) names.inputs.push(readName(pbf));
  else if (field === 12) names.outputs.push(readName(pbf));
}

function readNode(pbf: PbfReader): NodeAsWritten {
  const node = { type: '', inputs: new Set<string>(), outputs: [] as string[] };
  pbf.readMessage((field, into, inner) => {
    if (field === 1) into.inputs.add(inner.readString());
    else if (field === 2) into.outputs.push(inner.readString());
    else if (field === 4) into.type = inner.readString();
    else if (field === 5) for (const name of readCaptures(inner)) into.inputs.add(name);
  }, node);
  node.inputs.delete('');
  return { type: node.type, inputs: [...node.inputs], outputs: node.outputs.filter((name) => name !== '') };
}

/** What the graphs of an attribute read from outside. */
function readCaptures(pbf: PbfReader): readonly string[] {
  const captures: string[] = [];
  pbf.readMessage((field, into, inner) => {
    if (field !== 6 && field !== 11) return;
    const names = inner.readMessage(readGraphField, noNames());
    const own = new Set([...names.inputs, ...names.weights.keys(), ...names.nodes.flatMap(({ outputs }) => outputs)]);
    const read = [...names.nodes.flatMap(({ inputs }) => inputs), ...names.outputs];
    into.push(...read.filter((name) => !own.has(name)));
  }, captures);
  return captures;
}

function readWeights(pbf: PbfReader): [name: string, bytes: number] {
  const tensor = { name: '', code: 0, dims: [] as number[] };
  pbf.readMessage((field, into, inner) => {
    if (field === 1) inner.readPackedVarint(into.dims, true);
    else if (field === 2) into.code = inner.readVarint();
    else if (field === 8) into.name = inner.readString();
  }, tensor);
  return [tensor.name, bytesOfCode(tensor.code, countOf(tensor.dims))];
}

function readName(pbf: PbfReader): string {
  const value = { name: '' };
  pbf.readMessage((field, into, inner) => {
    if (field === 1) into.name = inner.readString();
  }, value);
  return value.name;
}
