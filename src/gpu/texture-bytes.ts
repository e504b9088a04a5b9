import type { Bytes } from '../base/units.ts';

/** Bytes of a texel of formats whose name does not tell. */
const odd: Readonly<Record<string, Bytes>> = {
  rgb9e5ufloat: 4, rgb10a2uint: 4, rgb10a2unorm: 4, rg11b10ufloat: 4,
  stencil8: 1, depth16unorm: 2, depth24plus: 4, 'depth24plus-stencil8': 4, depth32float: 4, 'depth32float-stencil8': 8,
};

/**
 * What a texture takes at least, all levels, layers and samples; implementations pad, so it may be more. `undefined` when the descriptor is none, or beyond the
 * limits: WebGPU will say so.
 */
export function textureBytes(descriptor: GPUTextureDescriptor, limits: GPUSupportedLimits): Bytes | undefined {
  const { size, format, dimension = '2d', mipLevelCount = 1, sampleCount = 1 } = descriptor;
  const [width, height = 1, layers = 1] = Symbol.iterator in Object(size) ? [...(size as Iterable<number>)] : extentOf(size as GPUExtent3DDict);
  const most = dimension === '3d' ? limits.maxTextureDimension3D : limits.maxTextureDimension2D;
  const depth = dimension === '3d' ? most : limits.maxTextureArrayLayers;
  if (!isUpTo(width, most) || !isUpTo(height, most) || !isUpTo(layers, depth) || !isUpTo(mipLevelCount, 32) || !isUpTo(sampleCount, 4)) return undefined;
  const { bytes, across, down } = blockOf(String(format));
  let sum = 0;
  for (let level = 0; level < mipLevelCount; level += 1) {
    const columns = Math.ceil(Math.max(1, width >> level) / across);
    const rows = Math.ceil(Math.max(1, height >> level) / down);
    sum += columns * rows * (dimension === '3d' ? Math.max(1, layers >> level) : layers) * bytes;
  }
  return sum * sampleCount;
}

const extentOf = ({ width, height, depthOrArrayLayers }: GPUExtent3DDict): readonly (number | undefined)[] => [width, height, depthOrArrayLayers];

const isUpTo = (value: number | undefined, most: number): value is number => Number.isInteger(value) && value! >= 1 && value! <= most;

function blockOf(format: string): { readonly bytes: Bytes; readonly across: number; readonly down: number } {
  const known = odd[format];
  if (known !== undefined) return { bytes: known, across: 1, down: 1 };
  const astc = /^astc-(\d+)x(\d+)/.exec(format);
  if (astc) return { bytes: 16, across: Number(astc[1]), down: Number(astc[2]) };
  if (/^(?:bc|etc2|eac)/.test(format)) return { bytes: /^(?:bc[14]-|etc2-rgb8(?:a1)?unorm|eac-r11)/.test(format) ? 8 : 16, across: 4, down: 4 };
  // 'rgba16float': channels, then bits of each.
  const plain = /^([rgba]+)(8|16|32)/.exec(format);
  return { bytes: plain ? plain[1]!.length * Number(plain[2]) / 8 : 4, across: 1, down: 1 };
}
