import { expect, test } from 'vitest';
import { writeModel } from '../../src/onnx/model-writer.ts';
import { readGraph } from './network-graph.ts';
import { modelsFolder, readNetworks, type Network } from './networks.ts';

const folder = modelsFolder();

test('a node reads its inputs and what its branches take from outside, and nothing that is left out', () => {
  const branch = (operator: string, ...inputs: string[]) =>
    ({ graph: { name: 'branch', inputs: [], outputs: [{ name: 'b', type: 'float32' as const, dims: [2] }], nodes: [{ operator, inputs, outputs: ['b'] }] } });
  const graph = readGraph(writeModel({
    name: 'branches',
    inputs: [{ name: 'x', type: 'float32', dims: [2] }, { name: 'c', type: 'bool', dims: [] }],
    outputs: [{ name: 'z', type: 'float32', dims: [2] }],
    initializers: [{ name: 'w', type: 'float32', dims: [2], data: new Float32Array(2) }],
    nodes: [
      { operator: 'Add', inputs: ['x', 'w'], outputs: ['y'] },
      { operator: 'If', inputs: ['c'], outputs: ['u'], attributes: { then_branch: branch('Relu', 'y'), else_branch: branch('Mul', 'x', 'w') } },
      { operator: 'Clip', inputs: ['u', '', 'w'], outputs: ['z'] },
    ],
  }));
  expect(graph.nodes).toEqual([
    { type: 'Add', inputs: ['x', 'w'], outputs: ['y'] },
    { type: 'If', inputs: ['c', 'y', 'x', 'w'], outputs: ['u'] },
    { type: 'Clip', inputs: ['u', 'w'], outputs: ['z'] },
  ]);
  expect(graph).toMatchObject({ inputs: ['x', 'c'], outputs: ['z'], constants: ['w'] });
  expect([...graph.weights]).toEqual([['w', 8]]);
});

/** What `network` does that no network can: read what is not there yet, write what is. */
function impossible({ name, ops, tensors, externals, outputs }: Network): string[] {
  const there = new Set(externals);
  const wrong: string[] = [];
  for (const { type, inputs, outputs: written } of ops) {
    for (const input of inputs) if (!there.has(input)) wrong.push(`${name}: ${type} reads ${tensors[input]?.name} too early`);
    for (const output of written) {
      if (there.has(output)) wrong.push(`${name}: ${type} writes ${tensors[output]?.name} again`);
      there.add(output);
    }
  }
  for (const output of outputs) if (!there.has(output)) wrong.push(`${name}: nobody writes ${tensors[output]?.name}`);
  if (there.size !== tensors.length) wrong.push(`${name}: some tensors are in no op`);
  return wrong;
}

test.skipIf(folder === undefined)('every real model is a network that can run; where the folder of real models is absent (SWITCHYARD_MODELS names it) none is read', async () => {
  const networks: Network[] = [];
  for await (const network of readNetworks(folder!)) networks.push(network);
  expect(networks.flatMap(impossible)).toEqual([]);
  expect(networks.length).toBeGreaterThan(20);
  const mnist = networks.find(({ name }) => name === 'mnist8')!;
  // 8 maps of 28 × 28 floats: the first convolution, its bias added, its ReLU.
  expect(mnist.tensors.filter(({ bytes }) => bytes === 8 * 28 * 28 * 4)).toHaveLength(3);
  expect(mnist.outputs.map((output) => mnist.tensors[output]!.bytes)).toEqual([40]);
}, 120_000);
