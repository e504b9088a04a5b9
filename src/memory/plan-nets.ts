import type { PlanGraph, PlanOp, PlanTensor } from './plan-graph.ts';

/** Writes a graph down op by op. Weights take no part. */
class NetWriter implements PlanGraph {
  readonly tensors: PlanTensor[] = [];
  readonly ops: PlanOp[] = [];

  external(): number {
    return this.tensors.push({ bytes: 0, isExternal: true }) - 1;
  }

  /** An op with one output. */
  op(inputs: readonly number[], bytes: number): number {
    const output = this.tensors.push({ bytes }) - 1;
    this.ops.push({ inputs, outputs: [output] });
    return output;
  }

  /** An op of one value after another, which may write over either of its inputs. */
  elementwise(inputs: readonly number[], bytes: number): number {
    const output = this.op(inputs, bytes);
    this.ops[this.ops.length - 1] = { inputs, outputs: [output], inPlace: inputs.map((input) => [output, input] as const) };
    return output;
  }

  end(input: number): this {
    this.ops.push({ inputs: [input], outputs: [this.external()] });
    return this;
  }
}

const image = (side: number, channels: number): number => 4 * side * side * channels;

/** Inverted residuals, 224 × 224, float32; activations are part of the convolutions (Sandler and others, 2018, table 2). */
export function mobileNetV2(): PlanGraph {
  const net = new NetWriter();
  let [side, channels] = [112, 32];
  let x = net.op([net.external()], image(side, channels));
  for (const [expansion, width, repeats, stride] of [[1, 16, 1, 1], [6, 24, 2, 2], [6, 32, 3, 2], [6, 64, 4, 2], [6, 96, 3, 1], [6, 160, 3, 2], [6, 320, 1, 1]] as const) {
    for (let repeat = 0; repeat < repeats; repeat += 1) {
      const [from, wasSide] = [x, side];
      if (repeat === 0) side /= stride;
      if (expansion > 1) x = net.op([x], image(wasSide, channels * expansion));
      x = net.op([net.op([x], image(side, channels * expansion))], image(side, width));
      if (repeat > 0) x = net.elementwise([x, from], image(side, width));
      channels = width;
    }
  }
  return net.end(net.op([net.op([x], image(side, 1280))], image(1, 1280)));
}

/** Five levels of two convolutions down and up, 256 × 256, with skips that are concatenated (Ronneberger and others, 2015). */
export function uNet(): PlanGraph {
  const net = new NetWriter();
  let x = net.external();
  const convolved = (from: number, side: number, channels: number): number => net.op([net.op([from], image(side, channels))], image(side, channels));
  const skips: number[] = [];
  for (let level = 0; level < 4; level += 1) {
    const side = 256 >> level;
    x = convolved(x, side, 64 << level);
    skips.push(x);
    x = net.op([x], image(side / 2, 64 << level));
  }
  x = convolved(x, 16, 1024);
  for (let level = 3; level >= 0; level -= 1) {
    const side = 256 >> level;
    x = net.op([net.op([x], image(side, 64 << level)), skips[level]!], image(side, 128 << level));
    x = convolved(x, side, 64 << level);
  }
  return net.end(net.op([x], image(256, 2)));
}

/** Layers of attention and a feed-forward part, each around a residual; float32 (Devlin and others, 2018: 12 layers of 768). */
export function bert(layers = 12, length = 512): PlanGraph {
  const net = new NetWriter();
  const [width, heads] = [768, 12];
  const hidden = 4 * length * width;
  let x = net.op([net.external()], hidden);
  for (let layer = 0; layer < layers; layer += 1) {
    const [query, key, value] = [net.op([x], hidden), net.op([x], hidden), net.op([x], hidden)];
    const scores = net.op([query, net.op([key], hidden)], 4 * heads * length * length);
    const attended = net.op([net.elementwise([scores], 4 * heads * length * length), value], hidden);
    const first = net.elementwise([net.elementwise([net.op([attended], hidden), x], hidden)], hidden);
    const wide = net.elementwise([net.op([first], 4 * hidden)], 4 * hidden);
    x = net.elementwise([net.elementwise([net.op([wide], hidden), first], hidden)], hidden);
  }
  return net.end(x);
}

/** Blocks of four branches that are concatenated, as in Inception (Szegedy and others, 2015); shapes typed by hand. */
export function inception(blocks = 9): PlanGraph {
  const net = new NetWriter();
  let x = net.op([net.op([net.external()], image(149, 32))], image(35, 192));
  let side = 35;
  for (let block = 0; block < blocks; block += 1) {
    if (block === 3 || block === 7) side = Math.floor(side / 2);
    const channels = 64 + 16 * block;
    const branches = [
      net.op([x], image(side, channels)),
      net.op([net.op([x], image(side, channels * 0.75))], image(side, channels)),
      net.op([net.op([net.op([x], image(side, channels * 0.75))], image(side, channels * 1.5))], image(side, channels * 1.5)),
      net.op([net.op([x], image(side, channels * 4))], image(side, channels * 0.5)),
    ];
    x = net.op(branches, image(side, channels * 4));
  }
  return net.end(net.op([x], image(1, 2048)));
}

/** Each op reads one to three of what was written lately, some of it from long ago; sizes over four powers of ten, a few in place. */
export function randomNet(count: number, random: () => number): PlanGraph {
  const net = new NetWriter();
  const written = [net.op([net.external()], 4096)];
  while (written.length < count) {
    const inputs = new Set<number>();
    const wanted = random() < 0.6 ? 1 : random() < 0.8 ? 2 : 3;
    while (inputs.size < Math.min(wanted, written.length)) {
      const back = random() < 0.9 ? 4 : 40;
      inputs.add(written[Math.max(0, written.length - 1 - Math.floor(random() * back))]!);
    }
    const bytes = Math.ceil(1024 * 10 ** (random() * 4));
    written.push(random() < 0.2 ? net.elementwise([...inputs], net.tensors[[...inputs][0]!]!.bytes) : net.op([...inputs], bytes));
  }
  return net.end(written.at(-1)!);
}
