import { elapsed, repeat, visible } from './repeat.ts';

const PETALS = 90;
const shader = /* wgsl */ `
  @group(0) @binding(0) var<uniform> seconds: f32;
  struct Petal { @builtin(position) position: vec4f, @location(0) color: vec3f }

  @vertex fn petal(@builtin(vertex_index) corner: u32, @builtin(instance_index) index: u32) -> Petal {
    let turn = f32(index) * 2.39996 + seconds * 0.25;           // the golden angle, as in a sunflower
    let far = sqrt((f32(index) + 0.5) / ${PETALS}.0) * (0.82 + 0.1 * sin(seconds * 1.3 + f32(index) * 0.2));
    let corners = array(vec2f(0.0, 0.085), vec2f(-0.05, -0.04), vec2f(0.05, -0.04));
    let at = corners[corner];
    let heading = vec2f(cos(turn), sin(turn));
    let turned = vec2f(at.x * heading.y + at.y * heading.x, -at.x * heading.x + at.y * heading.y);
    let near = mix(vec3f(0.96, 0.74, 0.25), vec3f(0.78, 0.28, 0.42), far);
    return Petal(vec4f(heading * far + turned, 0.0, 1.0), near);
  }

  @fragment fn paint(in: Petal) -> @location(0) vec4f { return vec4f(in.color, 1.0); }`;

/** A multiple of 64, so that a row of pixels is one of 256 bytes, as copies to buffers want it. */
const SIZE = 256;
const BYTES = 4 * SIZE * SIZE;

/** A drawing on one device, for as long as that lives. */
export interface Drawing {
  /** Draws one frame; settles with its pixels when the GPU has finished them. */
  frame(seconds: number): Promise<ImageData>;
  /** Settles with a sentence when the device is lost, unless this page destroyed it. */
  readonly lost: Promise<string>;
  close(): void;
}

/**
 * The page's own WebGPU program: it knows nothing of the scheduler. `gpu` is what the page finds in `navigator.gpu`. It draws into a
 * texture and reads that back: presenting a WebGPU canvas from a software adapter crashes Chromium's GPU process, with every device in it.
 */
export async function openDrawing(gpu: GPU): Promise<Drawing> {
  const adapter = await gpu.requestAdapter();
  if (adapter === null) throw new Error('the drawing found no GPU adapter');
  const device = await adapter.requestDevice({ label: 'drawing' });
  const module = device.createShaderModule({ code: shader });
  const pipeline = await device.createRenderPipelineAsync({ layout: 'auto', vertex: { module }, fragment: { module, targets: [{ format: 'rgba8unorm' }] }, multisample: { count: 4 } });
  const time = device.createBuffer({ size: 16, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST });
  const bindings = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries: [{ binding: 0, resource: { buffer: time } }] });
  const size = [SIZE, SIZE];
  const samples = device.createTexture({ size, format: 'rgba8unorm', sampleCount: 4, usage: GPUTextureUsage.RENDER_ATTACHMENT }).createView();
  const picture = device.createTexture({ size, format: 'rgba8unorm', usage: GPUTextureUsage.RENDER_ATTACHMENT | GPUTextureUsage.COPY_SRC });
  const pictureView = picture.createView();
  const pixels = device.createBuffer({ size: BYTES, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
  return {
    lost: new Promise((resolve) => {
      void device.lost.then(({ reason, message }) => {
        if (reason !== 'destroyed') resolve(`lost its GPU device (${reason}): ${message || 'no reason given'}`);
      });
    }),
    async frame(seconds) {
      device.queue.writeBuffer(time, 0, Float32Array.of(seconds));
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginRenderPass({
        colorAttachments: [{ view: samples, resolveTarget: pictureView, loadOp: 'clear', storeOp: 'discard', clearValue: { r: 0, g: 0, b: 0, a: 0 } }],
      });
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, bindings);
      pass.draw(3, PETALS);
      pass.end();
      encoder.copyTextureToBuffer({ texture: picture }, { buffer: pixels, bytesPerRow: 4 * SIZE }, size);
      device.queue.submit([encoder.finish()]);
      await pixels.mapAsync(GPUMapMode.READ);
      const image = new ImageData(SIZE, SIZE);
      image.data.set(new Uint8Array(pixels.getMappedRange()));
      pixels.unmap();
      return image;
    },
    close() {
      device.destroy();
    },
  };
}

/** Draws frame after frame on a 2D canvas, one per animation frame at most, until the signal aborts. After a failure it opens the drawing anew, later each time. */
export async function keepDrawing(gpu: GPU, canvas: HTMLCanvasElement, signal: AbortSignal, onFrame: () => void, onFailure: (error: unknown) => void): Promise<void> {
  canvas.width = canvas.height = SIZE;
  const context = canvas.getContext('2d')!;
  let restMillis = 1000;
  await repeat(async () => {
    const drawing = await openDrawing(gpu);
    let loss: string | undefined;
    void drawing.lost.then((sentence) => { loss = sentence; });
    try {
      while (!signal.aborted) {
        await visible(signal);
        await new Promise((resolve) => { requestAnimationFrame(resolve); });
        const image = await drawing.frame(performance.now() / 1000);
        context.putImageData(image, 0, 0);
        onFrame();
        restMillis = 1000;
      }
    } catch (error) {
      // A lost device also rejects what waits for it, in words that say less.
      await Promise.race([drawing.lost, elapsed(100, signal)]);
      throw loss === undefined ? error : new Error(loss);
    } finally {
      drawing.close();
    }
  }, { signal, onFailure, rest: () => elapsed((restMillis *= 2) / 2, signal) });
}
