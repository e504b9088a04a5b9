import fc from 'fast-check';
import { create, globals } from 'webgpu';
import { expect, test } from 'vitest';
import { canBind, type Binding, type BindingKind, type DispatchBindings, type Legality, type Rule } from '../memory/legality.ts';

// Dawn's own validation without a GPU: what it accepts and refuses here, it does in the browser.
Object.assign(globalThis, globals);
const gpu = create(['backend=null']);

const MIB = 1024 * 1024;
/** Real buffers, few of them so that bindings meet, and of sizes at which something ends. */
const sizes = [0, 6, 256, 1024, 2048, 4096, 65_536, 65_536 + 256, 129 * MIB];
const common = [3, 4, 5];
const kinds: readonly BindingKind[] = ['uniform', 'read-only-storage', 'storage'];

const code = '@compute @workgroup_size(1) fn main() {}';

/** Runs each dispatch past Dawn: whether it raised a validation error anywhere between layout and finish. */
async function openDawn() {
  const adapter = await gpu.requestAdapter();
  const device = await adapter!.requestDevice();
  const module = device.createShaderModule({ code });
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.UNIFORM | GPUBufferUsage.INDIRECT;
  const buffers = sizes.map((size) => device.createBuffer({ size, usage }));

  const layoutOf = (bindings: readonly Binding[]): GPUBindGroupLayout => device.createBindGroupLayout({
    entries: bindings.map(({ binding, kind, dynamicOffset, isVisible }) =>
      ({ binding, visibility: isVisible ? GPUShaderStage.COMPUTE : 0, buffer: { type: kind, hasDynamicOffset: dynamicOffset !== undefined } })),
  });

  const encode = ({ bindings, indirect }: DispatchBindings): void => {
    const groups = Array.from({ length: Math.max(0, ...bindings.map(({ group }) => group + 1)) }, (_, group) => bindings.filter((entry) => entry.group === group));
    const layouts = groups.map(layoutOf);
    const pipeline = device.createComputePipeline({ layout: device.createPipelineLayout({ bindGroupLayouts: layouts }), compute: { module } });
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    groups.forEach((group, index) => {
      const entries = group.map(({ binding, buffer, offset, bytes }) => ({ binding, resource: { buffer: buffers[buffer.id]!, offset, ...(bytes !== undefined && { size: bytes }) } }));
      // WebGPU takes dynamic offsets in the order of binding numbers.
      const offsets = group.toSorted((a, b) => a.binding - b.binding).flatMap(({ dynamicOffset }) => dynamicOffset ?? []);
      pass.setBindGroup(index, device.createBindGroup({ layout: layouts[index]!, entries }), offsets);
    });
    if (indirect === undefined) pass.dispatchWorkgroups(1);
    else pass.dispatchWorkgroupsIndirect(buffers[indirect.buffer.id]!, indirect.offset);
    pass.end();
    encoder.finish();
  };

  return {
    limits: device.limits,
    async refusal(dispatch: DispatchBindings): Promise<string | undefined> {
      device.pushErrorScope('validation');
      encode(dispatch);
      return (await device.popErrorScope())?.message;
    },
  };
}

const weighted = <T>(...choices: readonly (readonly [number, fc.Arbitrary<T>])[]): fc.Arbitrary<T> =>
  fc.oneof(...choices.map(([weight, arbitrary]) => ({ weight, arbitrary })));

/** Mostly what is legal by itself, so that what is wrong between bindings is reached. */
const aBuffer = weighted([40, fc.constantFrom(...common)], [6, fc.nat({ max: sizes.length - 1 })]).map((id) => ({ id, bytes: sizes[id]! }));
const anOffset = weighted<number>([30, fc.nat({ max: 3 }).map((n) => n * 256)], [10, fc.constant(0)], [1, fc.constantFrom(4, 128, 257, 65_536)]);
const aSize = weighted<number | undefined>([12, fc.constantFrom(512, 768, 1024)], [40, fc.constantFrom(4, 16, 252, 256)], [3, fc.constant(undefined)],
  [1, fc.constantFrom(0, 2, 6, 18, 65_536, 65_540, 128 * MIB, 128 * MIB + 4)]);
const aDynamicOffset = weighted<number | undefined>([60, fc.constant(undefined)], [15, fc.constantFrom(0, 256, 512)], [1, fc.constant(4)]);
const aBinding = (kind: fc.Arbitrary<BindingKind>): fc.Arbitrary<Binding> => fc.record({
  group: fc.nat({ max: 3 }), binding: weighted([400, fc.nat({ max: 12 })], [1, fc.constant(1000)]), kind, buffer: aBuffer, offset: anOffset, bytes: aSize,
  dynamicOffset: aDynamicOffset, isVisible: weighted([9, fc.constant(true)], [1, fc.constant(false)]),
});
const anIndirect = weighted<DispatchBindings['indirect']>([6, fc.constant(undefined)],
  [1, fc.record({ buffer: aBuffer, offset: weighted([9, fc.constantFrom(0, 4, 244, 256)], [1, fc.constantFrom(2, 248, 1020)]) })]);

/** Kinds keep to themselves per buffer in half of the cases: else almost every pair in one buffer would be refused for mixing. */
const ofItsBuffer = ({ buffer, ...rest }: Binding): Binding => ({ ...rest, buffer, kind: buffer.id % 3 === 0 ? 'storage' : kinds[rest.binding % 2]! });
const someBindings = (length: number): fc.Arbitrary<Binding[]> =>
  fc.array(aBinding(fc.constantFrom(...kinds)), { maxLength: length }).chain((bindings) => fc.constantFrom(bindings, bindings.map(ofItsBuffer)));
/** The smallest range of its own in a large buffer each: nothing is wrong with many of them but their number. */
const manyBindings: fc.Arbitrary<Binding[]> = fc.tuple(fc.constantFrom(...kinds), fc.integer({ min: 3, max: 18 }), fc.boolean(), fc.boolean())
  .map(([kind, count, isDynamic, isVisible]) => Array.from({ length: count }, (_, index) => ({
    group: index % 2, binding: index, kind, buffer: { id: 8, bytes: sizes[8]! }, offset: index * 256, bytes: 256, dynamicOffset: isDynamic ? 0 : undefined,
    isVisible: isVisible || index > 0,
  })));
const aDispatch: fc.Arbitrary<DispatchBindings> =
  fc.record({ bindings: weighted([8, someBindings(4)], [1, someBindings(9)], [1, manyBindings]), indirect: anIndirect });

const bound = (part: Partial<Binding>): Binding =>
  ({ group: 0, binding: 0, kind: 'storage', buffer: { id: 3, bytes: 1024 }, offset: 0, bytes: 256, dynamicOffset: undefined, isVisible: true, ...part });
const direct = (...parts: Partial<Binding>[]): DispatchBindings => ({ bindings: parts.map((part, binding) => bound({ binding, ...part })), indirect: undefined });
const verdict = (legality: Legality): string => (legality.isLegal ? 'legal' : `${legality.rule} ${legality.between.join()}`);

/** One dispatch for each sentence of the rules, with the answer in words. */
const examples: readonly (readonly [string, DispatchBindings, string])[] = [
  ['nothing bound', direct(), 'legal'],
  ['disjoint writable ranges of one buffer', direct({}, { offset: 256 }), 'legal'],
  ['a read-only and a writable range of one buffer, apart', direct({ kind: 'read-only-storage' }, { offset: 256 }), 'mixed-scope 1,0'],
  ['the same, where no stage sees the read-only one', direct({ kind: 'read-only-storage', isVisible: false }, { offset: 256 }), 'mixed-scope 1,0'],
  ['uniform and read-only-storage over each other', direct({ kind: 'uniform' }, { kind: 'read-only-storage' }), 'legal'],
  ['writable ranges over each other', direct({ bytes: 512 }, { offset: 256 }), 'aliasing 0,1'],
  ['writable ranges that a dynamic offset takes apart', direct({}, { dynamicOffset: 256 }), 'legal'],
  ['writable ranges that a dynamic offset brings together', direct({ offset: 256 }, { dynamicOffset: 256 }), 'aliasing 0,1'],
  ['arguments read from a buffer that is written', { ...direct({}), indirect: { buffer: { id: 3, bytes: 1024 }, offset: 512 } }, 'mixed-scope 0,indirect'],
  ['arguments read from a buffer that is read', { ...direct({ kind: 'uniform' }), indirect: { buffer: { id: 3, bytes: 1024 }, offset: 1012 } }, 'legal'],
  ['arguments beyond the end', { ...direct(), indirect: { buffer: { id: 3, bytes: 1024 }, offset: 1016 } }, 'out-of-range indirect'],
  ['an offset of half an alignment', direct({ offset: 128 }), 'misaligned 0'],
  ['a dynamic offset beyond the end', direct({ offset: 768, dynamicOffset: 256 }), 'out-of-range 0'],
  ['a dynamic offset on the rest of a buffer', direct({ bytes: undefined, dynamicOffset: 256 }), 'out-of-range 0'],
  ['the rest of a buffer where nothing is left', direct({ offset: 1024, bytes: undefined }), 'empty 0'],
  ['a storage range of 6 bytes', direct({ bytes: 6 }), 'odd-size 0'],
  ['a uniform range of 6 bytes', direct({ kind: 'uniform', bytes: 6 }), 'legal'],
  ['a uniform range above 64 KiB', direct({ kind: 'uniform', buffer: { id: 8, bytes: 129 * MIB }, bytes: 65_540 }), 'too-large 0'],
  ['a storage range above 128 MiB', direct({ buffer: { id: 8, bytes: 129 * MIB }, bytes: 128 * MIB + 4 }), 'too-large 0'],
  ['a group beyond the last', direct({ group: 4 }), 'no-such-slot 0'],
  ['two bindings of one number', direct({ binding: 1 }, { offset: 256 }), 'slot-taken 0,1'],
];

test('each rule answers as Dawn does, and names what it holds against which binding', async () => {
  const dawn = await openDawn();
  for (const [what, dispatch, answer] of examples) {
    const legality = canBind(dispatch, dawn.limits);
    const refusal = await dawn.refusal(dispatch);
    expect({ what, answer: verdict(legality) }).toEqual({ what, answer });
    expect({ what, isLegal: refusal === undefined, refusal }).toEqual({ what, isLegal: legality.isLegal, refusal });
  }
});

/** More of them, to hunt, where SWITCHYARD_LEGALITY_CASES says how many: 100 000 take 12 s. */
const cases = Number(process.env['SWITCHYARD_LEGALITY_CASES'] ?? 10_000);

test(`the verdict is Dawn's for ${cases} random dispatches, of which enough are legal and every rule is broken`, async () => {
  const dawn = await openDawn();
  const seen: Partial<Record<Rule | 'legal', number>> = {};
  await fc.assert(fc.asyncProperty(aDispatch, async (dispatch) => {
    const legality = canBind(dispatch, dawn.limits);
    const answer = legality.isLegal ? 'legal' : legality.rule;
    seen[answer] = (seen[answer] ?? 0) + 1;
    const refusal = await dawn.refusal(dispatch);
    expect({ verdict: verdict(legality), isLegal: refusal === undefined, refusal }).toMatchObject({ isLegal: legality.isLegal });
  }), { numRuns: cases });
  expect(seen.legal).toBeGreaterThan(cases / 4);
  const rules: readonly Rule[] = ['no-such-slot', 'slot-taken', 'too-many', 'misaligned', 'empty', 'odd-size', 'too-large', 'out-of-range', 'mixed-scope', 'aliasing'];
  expect(rules.filter((rule) => (seen[rule] ?? 0) === 0)).toEqual([]);
});
