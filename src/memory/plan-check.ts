import type { Place, Plan, PlanOptions } from './plan.ts';
import type { PlanGraph } from './plan-graph.ts';

/** A tensor with its place, and the ops between which it must not be written over. */
interface Lodger {
  readonly tensor: number;
  readonly place: Place;
  readonly from: number;
  readonly until: number;
}

/**
 * What is wrong with a plan, as sentences; empty when it may be run. It derives everything from the graph anew and shares nothing with the
 * planner: every pair of tensors is looked at, O(tensors²).
 */
export function planComplaints(graph: PlanGraph, plan: Plan, { mode, limits }: Pick<PlanOptions, 'mode' | 'limits'>): readonly string[] {
  const complaints: string[] = [];
  const lodgers: Lodger[] = [];
  for (const [tensor, { bytes, isExternal }] of graph.tensors.entries()) {
    const place = plan.places[tensor];
    const from = graph.ops.findIndex(({ outputs }) => outputs.includes(tensor));
    const isPlaced = from >= 0 && isExternal !== true;
    if (isPlaced !== (place !== undefined)) complaints.push(`tensor ${tensor} ${isPlaced ? 'has no place' : 'has a place and should not'}`);
    if (place === undefined) continue;
    lodgers.push({ tensor, place, from, until: Math.max(from, graph.ops.findLastIndex(({ inputs }) => inputs.includes(tensor))) });
    const arena = plan.arenas[place.arena];
    if (place.offset % 256 !== 0 || place.offset < 0) complaints.push(`tensor ${tensor} lies at ${place.offset}`);
    if (place.bytes < Math.max(4, bytes) || place.bytes % 4 !== 0) complaints.push(`tensor ${tensor} of ${bytes} bytes has ${place.bytes}`);
    if (bytes > limits.maxBindingBytes) complaints.push(`tensor ${tensor} of ${bytes} bytes cannot be bound`);
    if (arena === undefined || place.offset + place.bytes > arena.bytes) complaints.push(`tensor ${tensor} reaches out of arena ${place.arena}`);
  }
  for (const [index, { bytes }] of plan.arenas.entries()) if (bytes > limits.maxBufferBytes) complaints.push(`arena ${index} has ${bytes} bytes`);
  const total = plan.arenas.reduce((sum, { bytes }) => sum + bytes, 0);
  if (total !== plan.peakBytes) complaints.push(`${plan.peakBytes} bytes are told and ${total} used`);
  for (const [index, one] of lodgers.entries()) {
    for (const other of lodgers.slice(index + 1)) {
      const isTogether = one.from <= other.until && other.from <= one.until;
      const isApart = one.place.arena !== other.place.arena
        || one.place.offset >= other.place.offset + other.place.bytes || other.place.offset >= one.place.offset + one.place.bytes;
      if (isTogether && !isApart && !isWrittenOver(graph, one, other) && !isWrittenOver(graph, other, one)) {
        complaints.push(`tensors ${one.tensor} and ${other.tensor} overlap`);
      }
    }
  }
  if (mode === 'three') complaints.push(...bindingComplaints(graph, lodgers));
  return complaints;
}

/** Whether the op that writes `after` may do so over `before`, which nothing needs any more. */
function isWrittenOver({ ops }: PlanGraph, before: Lodger, after: Lodger): boolean {
  const { inputs, inPlace = [] } = ops[after.from]!;
  return before.until === after.from && inPlace.some(([output, input]) => output === after.tensor && input === before.tensor)
    && inputs.filter((input) => input === before.tensor).length === 1
    && after.place.arena === before.place.arena && after.place.offset === before.place.offset && after.place.bytes <= before.place.bytes;
}

/** WebGPU: what a dispatch writes lies in no buffer that it binds read-only. */
function bindingComplaints(graph: PlanGraph, lodgers: readonly Lodger[]): readonly string[] {
  const byTensor = new Map(lodgers.map((lodger) => [lodger.tensor, lodger]));
  return graph.ops.flatMap(({ inputs, outputs }, op) => outputs.flatMap((output) => inputs.flatMap((input) => {
    const [written, read] = [byTensor.get(output), byTensor.get(input)];
    if (written === undefined || read === undefined || written.place.arena !== read.place.arena) return [];
    // Bound once, as read-write, beside the op's other outputs.
    if (outputs.some((other) => byTensor.has(other) && isWrittenOver(graph, read, byTensor.get(other)!))) return [];
    return [`op ${op} writes ${output} into the arena of its input ${input}`];
  })));
}
