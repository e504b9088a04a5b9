import { PbfReader } from 'pbf';

import type { Outcome } from '../wire/failure.ts';
import type { TensorInfo } from '../wire/tensor.ts';
import { bytesOfCode, countOf, typeOfCode } from './element.ts';
import { describeForeign } from './foreign.ts';

/** An input or output of the graph. `ranked` is false when the file gives no shape at all: `dims` is then empty and says nothing. */
export interface ValueHeader extends TensorInfo {
  readonly ranked: boolean;
}

/** How often an operator occurs, subgraphs and local functions counted. `domain` is '' for ONNX's own. */
export interface OperatorCount {
  readonly domain: string;
  readonly operator: string;
  readonly count: number;
}

/** What a model file says of itself, read without copying a weight. */
export interface ModelHeader {
  readonly irVersion: number;
  readonly producer: string;
  readonly opsets: readonly { readonly domain: string; readonly version: number }[];
  /** What must be fed, in graph order: inputs that have an initializer are left out. */
  readonly inputs: readonly ValueHeader[];
  readonly outputs: readonly ValueHeader[];
  /** Inputs and outputs that are no tensors of a known type (sequences, maps, bfloat16), each as `input 'x' is a sequence`. */
  readonly unusual: readonly string[];
  readonly operators: readonly OperatorCount[];
  /** Domains of functions that the file itself defines. */
  readonly localDomains: readonly string[];
  /** `bytes` is what the weights fill on a device, wherever the file keeps them. */
  readonly initializers: readonly { readonly name: string; readonly bytes: number }[];
  /** Weights lie in other files beside the model. */
  readonly external: boolean;
}

/**
 * Reads the header of an ONNX model; `not-onnx`, with a sentence for people, for everything that is none.
 *
 * Every length is checked against the message that holds it, nesting is limited to 100 levels, and every step consumes a byte: hostile bytes end in an
 * outcome, in time linear in their number. Field numbers are those of onnx.proto (ONNX 1.19).
 */
export function readHeader(bytes: Uint8Array): Outcome<ModelHeader> {
  let malformed: string;
  try {
    const header = readModel(new PbfReader(bytes));
    if (header !== undefined) return { ok: true, value: header };
    malformed = 'it holds no graph with an output';
  } catch (error) {
    malformed = error instanceof Malformed ? error.message : `it is no well-formed protobuf (${String(error)})`;
  }
  return { ok: false, failure: { code: 'not-onnx', detail: `not an ONNX model: ${describeForeign(bytes) ?? malformed}` } };
}

class Malformed extends Error {}

const VARINT = 0;
const BYTES = 2;
/** The limit of protobuf's own parsers. */
const deepest = 100;

/** What is collected along the way; one object, so that nested graphs and functions add to the same counts. */
interface Findings {
  readonly operators: Map<string, { domain: string; operator: string; count: number }>;
  external: boolean;
}

interface Graph {
  readonly inputs: Value[];
  readonly outputs: Value[];
  readonly initializers: { name: string; bytes: number }[];
}

interface Value { name: string; code: number; dims: (number | string)[] | undefined; kind: string }

function readModel(pbf: PbfReader): ModelHeader | undefined {
  const findings: Findings = { operators: new Map(), external: false };
  const opsets: { domain: string; version: number }[] = [];
  const localDomains = new Set<string>();
  let irVersion = 0;
  let producer = '';
  let graph: Graph | undefined;
  readFields(pbf, pbf.length, 0, (field, depth) => {
    if (field === 1 && pbf.type === VARINT) irVersion = pbf.readVarint(true);
    else if (field === 2 && pbf.type === BYTES) producer = readText(pbf);
    else if (field === 7 && pbf.type === BYTES) graph = readGraph(pbf, depth, findings);
    else if (field === 8 && pbf.type === BYTES) opsets.push(readOpset(pbf, depth));
    else if (field === 25 && pbf.type === BYTES) localDomains.add(readFunction(pbf, depth, findings));
  });
  if (graph === undefined || graph.outputs.length === 0) return undefined;
  const initialized = new Set(graph.initializers.map(({ name }) => name));
  const fed = graph.inputs.filter(({ name }) => !initialized.has(name));
  return {
    irVersion, producer, opsets,
    inputs: fed.flatMap(toHeader),
    outputs: graph.outputs.flatMap(toHeader),
    unusual: [...fed.flatMap((value) => unusual('input', value)), ...graph.outputs.flatMap((value) => unusual('output', value))],
    operators: [...findings.operators.values()],
    localDomains: [...localDomains],
    initializers: graph.initializers,
    external: findings.external,
  };
}

function readGraph(pbf: PbfReader, depth: number, findings: Findings): Graph {
  const graph: Graph = { inputs: [], outputs: [], initializers: [] };
  readMessage(pbf, depth, (field, inner) => {
    if (pbf.type !== BYTES) return;
    if (field === 1) readNode(pbf, inner, findings);
    else if (field === 5) graph.initializers.push(readTensor(pbf, inner, findings));
    else if (field === 11) graph.inputs.push(readValue(pbf, inner));
    else if (field === 12) graph.outputs.push(readValue(pbf, inner));
    else if (field === 15) graph.initializers.push(readSparse(pbf, inner, findings));
  });
  return graph;
}

function readNode(pbf: PbfReader, depth: number, findings: Findings): void {
  let operator = '';
  let domain = '';
  readMessage(pbf, depth, (field, inner) => {
    if (pbf.type !== BYTES) return;
    if (field === 4) operator = readText(pbf);
    else if (field === 7) domain = canonical(readText(pbf));
    else if (field === 5) readAttribute(pbf, inner, findings);
  });
  const key = `${domain}:${operator}`;
  const seen = findings.operators.get(key);
  if (seen === undefined) findings.operators.set(key, { domain, operator, count: 1 });
  else seen.count += 1;
}

/** Only for what nests in it: graphs of If, Loop and Scan, and tensors that may lie in other files. */
function readAttribute(pbf: PbfReader, depth: number, findings: Findings): void {
  readMessage(pbf, depth, (field, inner) => {
    if (pbf.type !== BYTES) return;
    if (field === 6 || field === 11) readGraph(pbf, inner, findings);
    else if (field === 5 || field === 10) readTensor(pbf, inner, findings);
  });
}

function readTensor(pbf: PbfReader, depth: number, findings: Findings): { name: string; bytes: number } {
  const dims: number[] = [];
  let code = 0;
  let name = '';
  readMessage(pbf, depth, (field) => {
    if (field === 1) readInts(pbf, dims);
    else if (field === 2 && pbf.type === VARINT) code = pbf.readVarint();
    else if (field === 8 && pbf.type === BYTES) name = readText(pbf);
    else if (field === 14 && pbf.type === VARINT && pbf.readVarint() === 1) findings.external = true;
  });
  if (dims.some((dim) => dim < 0)) throw new Malformed(`the weights '${name}' have a negative dimension`);
  return { name, bytes: bytesOfCode(code, countOf(dims)) };
}

/** A sparse initializer is named after its values; it is made dense on load. */
function readSparse(pbf: PbfReader, depth: number, findings: Findings): { name: string; bytes: number } {
  const tensor = { name: '', bytes: 0 };
  readMessage(pbf, depth, (field, inner) => {
    if (field === 1 && pbf.type === BYTES) Object.assign(tensor, readTensor(pbf, inner, findings));
  });
  return tensor;
}

function readValue(pbf: PbfReader, depth: number): Value {
  const value: Value = { name: '', code: 0, dims: undefined, kind: 'without a type' };
  readMessage(pbf, depth, (field, inner) => {
    if (field === 1 && pbf.type === BYTES) value.name = readText(pbf);
    else if (field === 2 && pbf.type === BYTES) readType(pbf, inner, value);
  });
  return value;
}

const kindOfType: Readonly<Record<number, string>> = { 4: 'a sequence', 5: 'a map', 8: 'a sparse tensor', 9: 'optional' };

function readType(pbf: PbfReader, depth: number, value: Value): void {
  readMessage(pbf, depth, (field, inner) => {
    if (pbf.type !== BYTES) return;
    if (field !== 1) { value.kind = kindOfType[field] ?? value.kind; return; }
    value.kind = 'a tensor of an unknown type';
    readMessage(pbf, inner, (part, deeper) => {
      if (part === 1 && pbf.type === VARINT) value.code = pbf.readVarint();
      else if (part === 2 && pbf.type === BYTES) value.dims = readShape(pbf, deeper);
    });
  });
}

function readShape(pbf: PbfReader, depth: number): (number | string)[] {
  const dims: (number | string)[] = [];
  readMessage(pbf, depth, (field, inner) => {
    if (field !== 1 || pbf.type !== BYTES) return;
    let dim: number | string = '';
    readMessage(pbf, inner, (part) => {
      // Some exporters write -1 for a dimension they do not know.
      if (part === 1 && pbf.type === VARINT) { const size = pbf.readVarint(true); dim = size < 0 ? '' : size; }
      else if (part === 2 && pbf.type === BYTES) dim = readText(pbf);
    });
    dims.push(dim);
  });
  return dims;
}

function readOpset(pbf: PbfReader, depth: number): { domain: string; version: number } {
  const opset = { domain: '', version: 0 };
  readMessage(pbf, depth, (field) => {
    if (field === 1 && pbf.type === BYTES) opset.domain = canonical(readText(pbf));
    else if (field === 2 && pbf.type === VARINT) opset.version = pbf.readVarint(true);
  });
  return opset;
}

function readFunction(pbf: PbfReader, depth: number, findings: Findings): string {
  let domain = '';
  readMessage(pbf, depth, (field, inner) => {
    if (pbf.type !== BYTES) return;
    if (field === 7) readNode(pbf, inner, findings);
    else if (field === 10) domain = canonical(readText(pbf));
  });
  return domain;
}

/** 'ai.onnx' and '' are the same domain. */
const canonical = (domain: string): string => (domain === 'ai.onnx' ? '' : domain);

const toHeader = ({ name, code, dims }: Value): ValueHeader[] => {
  const type = typeOfCode(code);
  return type === undefined ? [] : [{ name, type, dims: dims ?? [], ranked: dims !== undefined }];
};

const unusual = (role: string, { name, code, kind }: Value): string[] =>
  typeOfCode(code) === undefined ? [`${role} '${name}' is ${kind}`] : [];

/** Reads the message whose length comes next. pbf itself trusts lengths; here the end must be inside and must be met exactly. */
function readMessage(pbf: PbfReader, depth: number, readField: (field: number, depth: number) => void): void {
  readFields(pbf, endOf(pbf), depth, readField);
}

function readFields(pbf: PbfReader, end: number, depth: number, readField: (field: number, depth: number) => void): void {
  if (depth > deepest) throw new Malformed(`its messages nest deeper than ${deepest} levels`);
  const whole = pbf.length;
  pbf.length = end;
  for (let field = pbf.nextField(end); field !== 0; field = pbf.nextField(end)) {
    readField(field, depth + 1);
  }
  if (pbf.pos !== end) throw new Malformed('it is cut off or damaged');
  pbf.length = whole;
}

/** Takes the length that comes next and says where its value ends, which must lie within the message being read. */
function endOf(pbf: PbfReader): number {
  const bytes = pbf.readVarint();
  const end = pbf.pos + bytes;
  if (end > pbf.length) throw new Malformed('it is cut off or damaged');
  return end;
}

function readText(pbf: PbfReader): string {
  const end = endOf(pbf);
  const value = new TextDecoder().decode(pbf.buf.subarray(pbf.pos, end));
  pbf.pos = end;
  return value;
}

function readInts(pbf: PbfReader, into: number[]): void {
  if (pbf.type === VARINT) { into.push(pbf.readVarint(true)); return; }
  if (pbf.type !== BYTES) return;
  for (const end = endOf(pbf); pbf.pos < end;) into.push(pbf.readVarint(true));
}
