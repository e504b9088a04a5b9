import { assert } from '../base/assert.ts';
import type { Bytes } from '../base/units.ts';

/** How a range is bound: the names of `GPUBufferBindingType`. `storage` is read-write, and the only one that may be written. */
export type BindingKind = 'uniform' | 'read-only-storage' | 'storage';

/** A whole GPUBuffer. Two ranges lie in one buffer exactly when their ids are equal, and equal ids have equal sizes. */
export interface BoundBuffer {
  readonly id: number;
  readonly bytes: Bytes;
}

/** One entry of a bind group that a dispatch uses, together with its entry of the layout. */
export interface Binding {
  readonly group: number;
  readonly binding: number;
  readonly kind: BindingKind;
  readonly buffer: BoundBuffer;
  readonly offset: Bytes;
  /** `undefined`: up to the end of the buffer, seen from `offset`. A dynamic offset moves the range and never shrinks it. */
  readonly bytes: Bytes | undefined;
  /** Given exactly when the layout has a dynamic offset there. */
  readonly dynamicOffset: Bytes | undefined;
  /** Whether the layout names the compute stage. A binding that no stage sees counts in the usage scope all the same. */
  readonly isVisible: boolean;
}

/** What one dispatch binds. */
export interface DispatchBindings {
  /** All entries of all bind groups that the pipeline's layout has, in any order, whether the shader uses them or not. */
  readonly bindings: readonly Binding[];
  /** Where the workgroup counts lie (twelve bytes) when the GPU reads them itself. */
  readonly indirect: { readonly buffer: BoundBuffer; readonly offset: Bytes } | undefined;
}

/** The limits that decide, under the names of `GPUSupportedLimits`, so that `device.limits` can be given. */
export interface BindingLimits {
  readonly maxBindGroups: number;
  readonly maxBindingsPerBindGroup: number;
  readonly maxDynamicUniformBuffersPerPipelineLayout: number;
  readonly maxDynamicStorageBuffersPerPipelineLayout: number;
  readonly maxUniformBuffersPerShaderStage: number;
  readonly maxStorageBuffersPerShaderStage: number;
  readonly maxUniformBufferBindingSize: Bytes;
  readonly maxStorageBufferBindingSize: Bytes;
  readonly minUniformBufferOffsetAlignment: Bytes;
  readonly minStorageBufferOffsetAlignment: Bytes;
}

/**
 * What WebGPU holds against a dispatch.
 *
 * - `no-such-slot`: the group's or the binding's number is beyond the limit; `slot-taken`: two bindings have the same numbers.
 * - `too-many`: more bindings of a kind in the stage, or with dynamic offsets in the layout, than the limit allows.
 * - `misaligned`: offset or dynamic offset; storage and uniform have an alignment each, indirect arguments one of 4 bytes.
 * - `empty`, `odd-size` (storage only: no multiple of 4), `too-large` (for its kind), `out-of-range` (leaves the buffer).
 * - `mixed-scope`: one buffer is both writable and something else in the dispatch, wherever in it the two ranges lie.
 * - `aliasing`: two writable ranges overlap.
 */
export type Rule = 'no-such-slot' | 'slot-taken' | 'too-many' | 'misaligned' | 'empty' | 'odd-size' | 'too-large' | 'out-of-range' | 'mixed-scope' | 'aliasing';

/** A binding by its place in `DispatchBindings.bindings`, or the indirect arguments. */
export type Place = number | 'indirect';

export type Legality = { readonly isLegal: true } | { readonly isLegal: false; readonly rule: Rule; readonly between: readonly Place[] };

/**
 * Whether WebGPU accepts these bindings in one dispatch; the first rule that is broken, and between which bindings, when it does not.
 *
 * The dispatch is one usage scope, and in a scope a buffer counts as a whole: either every use of it is read-only (uniform, read-only-storage, indirect
 * arguments) or every use is `storage`, whose ranges must then be disjoint. Source: the WebGPU specification, "usage scope storage exception" and "Encoder
 * bind groups alias a writable resource". Not looked at: usage flags of the buffers, `minBindingSize`, other kinds of binding.
 *
 * Sizes and offsets are whole bytes; anything else is a bug. Linear but for ranges of `storage` in the same buffer, which are compared in pairs.
 */
export function canBind(dispatch: DispatchBindings, limits: BindingLimits): Legality {
  return checkSlots(dispatch, limits) ?? checkCounts(dispatch, limits) ?? checkRanges(dispatch, limits) ?? checkScope(dispatch) ?? legal;
}

const legal: Legality = { isLegal: true };
const illegal = (rule: Rule, ...between: Place[]): Legality => ({ isLegal: false, rule, between });

function checkSlots({ bindings }: DispatchBindings, limits: BindingLimits): Legality | undefined {
  const taken = new Map<number, number>();
  for (const [place, { group, binding }] of bindings.entries()) {
    if (group >= limits.maxBindGroups || binding >= limits.maxBindingsPerBindGroup) return illegal('no-such-slot', place);
    const slot = group * limits.maxBindingsPerBindGroup + binding;
    const other = taken.get(slot);
    if (other !== undefined) return illegal('slot-taken', other, place);
    taken.set(slot, place);
  }
  return undefined;
}

function checkCounts({ bindings }: DispatchBindings, limits: BindingLimits): Legality | undefined {
  const check = (limit: number, counts: (binding: Binding) => boolean): Legality | undefined => {
    const places = [...bindings.keys()].filter((place) => counts(bindings[place]!));
    return places.length > limit ? illegal('too-many', ...places) : undefined;
  };
  const isUniform = ({ kind }: Binding): boolean => kind === 'uniform';
  return check(limits.maxUniformBuffersPerShaderStage, (binding) => isUniform(binding) && binding.isVisible)
    ?? check(limits.maxStorageBuffersPerShaderStage, (binding) => !isUniform(binding) && binding.isVisible)
    ?? check(limits.maxDynamicUniformBuffersPerPipelineLayout, (binding) => isUniform(binding) && binding.dynamicOffset !== undefined)
    ?? check(limits.maxDynamicStorageBuffersPerPipelineLayout, (binding) => !isUniform(binding) && binding.dynamicOffset !== undefined);
}

function checkRanges({ bindings, indirect }: DispatchBindings, limits: BindingLimits): Legality | undefined {
  for (const [place, binding] of bindings.entries()) {
    const rule = brokenByRange(binding, limits);
    if (rule !== undefined) return illegal(rule, place);
  }
  if (indirect === undefined) return undefined;
  const { buffer, offset } = indirect;
  assert(isWhole(offset), 'an offset is a whole number of bytes');
  if (offset % 4 !== 0) return illegal('misaligned', 'indirect');
  return offset + 12 > buffer.bytes ? illegal('out-of-range', 'indirect') : undefined;
}

function brokenByRange({ kind, buffer, offset, bytes, dynamicOffset = 0 }: Binding, limits: BindingLimits): Rule | undefined {
  assert([buffer.bytes, offset, bytes ?? 0, dynamicOffset].every(isWhole), 'offsets and sizes are whole numbers of bytes');
  const [alignment, most] = kind === 'uniform'
    ? [limits.minUniformBufferOffsetAlignment, limits.maxUniformBufferBindingSize]
    : [limits.minStorageBufferOffsetAlignment, limits.maxStorageBufferBindingSize];
  if (offset % alignment !== 0 || dynamicOffset % alignment !== 0) return 'misaligned';
  if (offset > buffer.bytes) return 'out-of-range';
  const size = bytes ?? buffer.bytes - offset;
  if (size === 0) return 'empty';
  if (kind !== 'uniform' && size % 4 !== 0) return 'odd-size';
  if (size > most) return 'too-large';
  return offset + dynamicOffset + size > buffer.bytes ? 'out-of-range' : undefined;
}

interface Range {
  readonly place: number;
  readonly start: Bytes;
  readonly end: Bytes;
}

/** The uses of one buffer: the ranges that may be written, and the place of one that may only be read. */
interface Uses {
  readonly written: Range[];
  read: Place | undefined;
}

function checkScope({ bindings, indirect }: DispatchBindings): Legality | undefined {
  const uses = new Map<number, Uses>();
  const usesOf = ({ id }: BoundBuffer): Uses => {
    const known = uses.get(id) ?? { written: [], read: undefined };
    uses.set(id, known);
    return known;
  };
  for (const [place, binding] of bindings.entries()) {
    const { kind, buffer } = binding;
    if (kind === 'storage') usesOf(buffer).written.push({ place, ...rangeOf(binding) });
    else usesOf(buffer).read ??= place;
  }
  if (indirect !== undefined) usesOf(indirect.buffer).read ??= 'indirect';
  for (const { written, read } of uses.values()) {
    const [first] = written;
    if (first === undefined) continue;
    if (read !== undefined) return illegal('mixed-scope', first.place, read);
    const pair = overlapIn(written);
    if (pair !== undefined) return illegal('aliasing', ...pair);
  }
  return undefined;
}

/** Dynamic offsets are applied before WebGPU looks for aliases. */
function rangeOf({ buffer, offset, bytes = buffer.bytes - offset, dynamicOffset = 0 }: Binding): { start: Bytes; end: Bytes } {
  const start = offset + dynamicOffset;
  return { start, end: start + bytes };
}

function overlapIn(ranges: readonly Range[]): readonly [number, number] | undefined {
  for (const [index, one] of ranges.entries()) {
    for (const other of ranges.slice(index + 1)) {
      if (one.start < other.end && other.start < one.end) return [one.place, other.place];
    }
  }
  return undefined;
}

const isWhole = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
