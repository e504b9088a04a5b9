import { PbfWriter } from 'pbf';

import type { TensorInfo, TensorType } from '../wire/tensor.ts';
import { bytesOfType, codeOfType, countOf } from './element.ts';
import { assert } from '../base/assert.ts';

/** A model to be written: nodes in the order they run, weights as raw data. */
export interface GraphSource {
  readonly name: string;
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  readonly nodes: readonly NodeSource[];
  readonly initializers?: readonly Initializer[];
}

export interface NodeSource {
  readonly operator: string;
  /** '' or absent for ONNX's own operators. */
  readonly domain?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, Attribute>>;
}

/** `int` and `ints` are safe integers. */
export type Attribute =
  | { readonly int: number } | { readonly ints: readonly number[] }
  | { readonly float: number } | { readonly floats: readonly number[] }
  | { readonly string: string }
  | { readonly graph: GraphSource };

export interface Initializer {
  readonly name: string;
  readonly type: Exclude<TensorType, 'string'>;
  readonly dims: readonly number[];
  /** Row-major; as many bytes as the shape needs. */
  readonly data: ArrayBufferView;
}

/** One opset per domain that the nodes use; ONNX's own is 17 when absent, which every onnxruntime-web since 1.14 runs. */
export type Opsets = Readonly<Record<string, number>>;

/** Writes an ONNX model (IR version 8). Deterministic: the same graph gives the same bytes. Nothing checks that operators and shapes make sense. */
export function writeModel(graph: GraphSource, opsets: Opsets = {}): Uint8Array<ArrayBuffer> {
  const pbf = new PbfWriter();
  pbf.writeVarintField(1, 8);
  writeText(pbf, 2, 'webgpu-switchyard');
  pbf.writeMessage(7, writeGraph, graph);
  for (const [domain, version] of Object.entries({ '': 17, ...opsets })) pbf.writeMessage(8, writeOpset, { domain, version });
  return new Uint8Array(pbf.finish());
}

/** pbf's own writer of strings loses characters from U+20000 on (5.1.2 joins surrogates with `|` where `+` is meant). */
function writeText(pbf: PbfWriter, field: number, value: string): void {
  pbf.writeBytesField(field, new TextEncoder().encode(value));
}

function writeOpset({ domain, version }: { domain: string; version: number }, pbf: PbfWriter): void {
  writeText(pbf, 1, domain);
  pbf.writeVarintField(2, version);
}

function writeGraph(graph: GraphSource, pbf: PbfWriter): void {
  for (const node of graph.nodes) pbf.writeMessage(1, writeNode, node);
  writeText(pbf, 2, graph.name);
  for (const initializer of graph.initializers ?? []) pbf.writeMessage(5, writeInitializer, initializer);
  for (const input of graph.inputs) pbf.writeMessage(11, writeValue, input);
  for (const output of graph.outputs) pbf.writeMessage(12, writeValue, output);
}

function writeNode(node: NodeSource, pbf: PbfWriter): void {
  for (const input of node.inputs) writeText(pbf, 1, input);
  for (const output of node.outputs) writeText(pbf, 2, output);
  writeText(pbf, 3, node.outputs[0] ?? node.operator);
  writeText(pbf, 4, node.operator);
  for (const [name, attribute] of Object.entries(node.attributes ?? {})) pbf.writeMessage(5, writeAttribute, { name, attribute });
  if (node.domain !== undefined && node.domain !== '') writeText(pbf, 7, node.domain);
}

/** The number in field 20 is `AttributeProto.AttributeType`, which readers need to tell an absent list from an empty one. */
function writeAttribute({ name, attribute }: { name: string; attribute: Attribute }, pbf: PbfWriter): void {
  writeText(pbf, 1, name);
  if ('float' in attribute) { pbf.writeFloatField(2, attribute.float); pbf.writeVarintField(20, 1); }
  else if ('int' in attribute) { pbf.writeVarintField(3, attribute.int); pbf.writeVarintField(20, 2); }
  else if ('string' in attribute) { writeText(pbf, 4, attribute.string); pbf.writeVarintField(20, 3); }
  else if ('graph' in attribute) { pbf.writeMessage(6, writeGraph, attribute.graph); pbf.writeVarintField(20, 5); }
  else if ('floats' in attribute) { pbf.writePackedFloat(7, [...attribute.floats]); pbf.writeVarintField(20, 6); }
  else { pbf.writePackedVarint(8, [...attribute.ints]); pbf.writeVarintField(20, 7); }
}

function writeInitializer({ name, type, dims, data }: Initializer, pbf: PbfWriter): void {
  assert(data.byteLength === bytesOfType(type, countOf(dims)), `the data of '${name}' fills its shape`);
  pbf.writePackedVarint(1, [...dims]);
  pbf.writeVarintField(2, codeOfType(type));
  writeText(pbf, 8, name);
  pbf.writeBytesField(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

function writeValue({ name, type, dims }: TensorInfo, pbf: PbfWriter): void {
  writeText(pbf, 1, name);
  pbf.writeMessage(2, writeTensorType, { type, dims });
}

function writeTensorType(tensor: Omit<TensorInfo, 'name'>, pbf: PbfWriter): void {
  pbf.writeMessage(1, ({ type, dims }, inner) => {
    inner.writeVarintField(1, codeOfType(type));
    inner.writeMessage(2, writeShape, dims);
  }, tensor);
}

function writeShape(dims: TensorInfo['dims'], pbf: PbfWriter): void {
  for (const dim of dims) {
    pbf.writeMessage(1, (size, inner) => {
      if (typeof size === 'number') inner.writeVarintField(1, size);
      else if (size !== '') writeText(inner, 2, size);
    }, dim);
  }
}
