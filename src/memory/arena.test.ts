import fc from 'fast-check';
import { expect, test } from 'vitest';
import { seededRandom } from '../base/random.ts';
import { type Allocation, type BlockId, type Move, WeightArena, type WeightId } from './arena.ts';

const KiB = 1024;
const everything = { maxBytes: Infinity, maxMoves: Infinity };

/** The edge: a buffer for each block, real bytes in it, and what each weight should read as. */
class FalseEdge {
  readonly arena: WeightArena;
  readonly buffers = new Map<BlockId, Uint8Array>();
  readonly expected = new Map<WeightId, { readonly bytes: number; readonly fill: number; version: number }>();
  readonly pinned = new Set<WeightId>();
  moves: readonly Move[] = [];
  made = 0;
  dropped = 0;

  constructor(maxBlockBytes = 16 * KiB, maxBufferBytes = 64 * KiB) {
    this.arena = new WeightArena({ maxBlockBytes, maxBufferBytes });
  }

  /** Makes the block that is asked for, and fills the range. */
  allocate(bytes: number, label = 'weight'): WeightId {
    let got = this.arena.allocate(bytes, label);
    if (got.kind === 'needs-block') {
      this.addBlock(got.bytes, got.use);
      got = this.arena.allocate(bytes, label);
    }
    if (got.kind !== 'placed') throw new Error(`${bytes} bytes: ${got.kind}`);
    const fill = 1 + (got.id % 250);
    const { block, offset, version } = this.arena.resolve(got.id)!;
    this.buffers.get(block)!.fill(fill, offset, offset + bytes);
    this.expected.set(got.id, { bytes, fill, version });
    return got.id;
  }

  addBlock(bytes: number, use: 'shared' | 'dedicated' = 'shared'): BlockId {
    const block = this.arena.addBlock(bytes, use);
    this.buffers.set(block, new Uint8Array(bytes));
    this.made += 1;
    return block;
  }

  free(id: WeightId): void {
    this.expected.delete(id);
    this.pinned.delete(id);
    this.drop(this.arena.free(id));
  }

  drop(blocks: readonly BlockId[]): void {
    this.dropped += blocks.length;
    for (const block of blocks) if (!this.buffers.delete(block)) throw new Error('a block that is not there is dropped');
  }

  /** The copies, as WebGPU allows them. */
  copy(moves: readonly Move[]): void {
    for (const { from, to, bytes } of moves) {
      if (from.block === to.block || bytes % 4 !== 0 || from.offset % 4 !== 0) throw new Error('that cannot be copied');
      this.buffers.get(to.block)!.set(this.buffers.get(from.block)!.subarray(from.offset, from.offset + bytes), to.offset);
    }
  }

  move(moves: readonly Move[]): void {
    this.copy(moves);
    this.drop(this.arena.moved(moves));
    for (const { id } of moves) {
      const weight = this.expected.get(id);
      if (weight !== undefined && !this.pinned.has(id)) weight.version += 1;
    }
  }
}

/** Every weight reads as it was written, lies alone, and the figures are right. */
function check({ arena, buffers, expected, moves }: FalseEdge): void {
  let requested = 0;
  let granules = 0;
  const owners = new Map<BlockId, Uint32Array>([...buffers].map(([block, { length }]) => [block, new Uint32Array(length / 256)]));
  for (const [id, { bytes, fill, version }] of expected) {
    const place = arena.resolve(id)!;
    if (place.bytes !== bytes || place.version !== version || place.offset % 256 !== 0) throw new Error(`weight ${id} is ${JSON.stringify(place)}`);
    const read = buffers.get(place.block)!.subarray(place.offset, place.offset + bytes);
    if (read.length !== bytes || read[0] !== fill || read[bytes - 1] !== fill || read.some((byte) => byte !== fill)) throw new Error(`weight ${id} was written over`);
    const owner = owners.get(place.block)!.subarray(place.offset / 256, place.offset / 256 + Math.ceil(bytes / 256));
    if (owner.some((other) => other !== 0)) throw new Error(`weight ${id} shares its last granule`);
    owner.fill(id);
    requested += bytes;
    granules += owner.length;
  }
  const report = arena.report();
  expect([report.requestedBytes, report.weightCount, report.blockCount]).toEqual([requested, expected.size, buffers.size]);
  expect(report.reservedBytes).toBe([...buffers.values()].reduce((sum, { length }) => sum + length, 0));
  if (moves.length === 0) expect(report.chargedBytes).toBe(256 * granules);
  else expect(report.chargedBytes).toBeGreaterThanOrEqual(256 * granules);
  expect([...arena.weights()].map(({ id }) => id).sort((a, b) => a - b)).toEqual([...expected.keys()].sort((a, b) => a - b));
}

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('allocate' as const), bytes: fc.oneof(fc.integer({ min: 1, max: 900 }), fc.integer({ min: 1, max: 12 * KiB })) }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('free' as const), pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('pin' as const, 'unpin' as const), pick: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('compact' as const), maxBytes: fc.constantFrom(2 * KiB, 8 * KiB, Infinity), maxMoves: fc.constantFrom(1, 4, 1000) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('moved' as const, 'abandoned' as const), pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('trim' as const) }) },
);

test('whatever is placed, freed, pinned and moved, every weight reads as it was written', () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 150, size: 'max' }), (steps) => {
    const edge = new FalseEdge();
    for (const next of steps) {
      const ids = [...edge.expected.keys()];
      const id = 'pick' in next ? ids[next.pick % ids.length] : undefined;
      if (next.kind === 'allocate') edge.allocate(next.bytes);
      else if (next.kind === 'compact') {
        const moves = edge.arena.compact(next);
        expect(moves.length).toBeLessThanOrEqual(next.maxMoves);
        expect(moves.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(next.maxBytes);
        expect(moves.filter((move) => edge.pinned.has(move.id))).toEqual([]);
        edge.moves = [...edge.moves, ...moves];
      } else if (next.kind === 'moved' || next.kind === 'abandoned') {
        // Some now, the others later.
        const count = next.pick % (edge.moves.length + 1);
        const told = edge.moves.slice(0, count);
        edge.moves = edge.moves.slice(count);
        if (next.kind === 'moved') edge.move(told);
        else edge.drop(edge.arena.abandoned(told));
      } else if (next.kind === 'trim') edge.drop(edge.arena.trim());
      else if (id === undefined) continue;
      else if (next.kind === 'free') edge.free(id);
      else if (next.kind === 'pin' && !edge.pinned.has(id)) {
        edge.pinned.add(id);
        edge.arena.pin(id);
      } else if (next.kind === 'unpin' && edge.pinned.delete(id)) edge.arena.unpin(id);
      check(edge);
      if (next.kind !== 'allocate') expect(edge.arena.report().emptyBlockCount).toBeLessThanOrEqual(1);
    }
    edge.drop(edge.arena.abandoned(edge.moves));
    edge.moves = [];
    check(edge);
    for (const id of edge.expected.keys()) edge.free(id);
    edge.drop(edge.arena.trim());
    expect(edge.arena.report()).toMatchObject({ requestedBytes: 0, chargedBytes: 0, reservedBytes: 0, blockCount: 0, weightCount: 0 });
  }), { numRuns: 100 });
});

test('an arena that was used for long and is mostly free is compacted to little more than what lives', () => {
  const edge = new FalseEdge(64 * KiB, 64 * KiB);
  const random = seededRandom(3);
  const ids = Array.from({ length: 600 }, () => edge.allocate(Math.ceil(2 ** (6 + random() * 7))));
  for (const id of ids) if (random() < 0.6) edge.free(id);
  const before = edge.arena.report();
  let passes = 0;
  for (let moves = edge.arena.compact({ maxBytes: 16 * KiB, maxMoves: 8 }); moves.length > 0; moves = edge.arena.compact({ maxBytes: 16 * KiB, maxMoves: 8 })) {
    edge.move(moves);
    passes += 1;
  }
  edge.drop(edge.arena.trim());
  check(edge);
  const after = edge.arena.report();
  expect(passes, 'it comes to an end').toBeLessThan(200);
  expect(after.chargedBytes / before.reservedBytes).toBeLessThan(0.55);
  expect(after.chargedBytes / after.reservedBytes).toBeGreaterThan(0.85);
});

test('the first blocks are an eighth, a quarter and a half of the largest, and all later ones as large', () => {
  const edge = new FalseEdge(64 * KiB);
  const sizes: number[] = [];
  for (let index = 0; sizes.length < 6; index += 1) {
    const before = edge.made;
    edge.allocate(KiB);
    if (edge.made > before) sizes.push([...edge.buffers.values()].at(-1)!.length / KiB);
  }
  expect(sizes).toEqual([8, 16, 32, 64, 64, 64]);
  const asked = (bytes: number): Allocation => new WeightArena({ maxBlockBytes: 64 * KiB, maxBufferBytes: 256 * KiB }).allocate(bytes, 'first');
  expect(asked(4 * KiB), 'a block holds two').toMatchObject({ bytes: 8 * KiB, leastBytes: 4 * KiB });
  expect(asked(4 * KiB + 1)).toMatchObject({ bytes: 16 * KiB, leastBytes: 4 * KiB + 256 });
  expect(asked(32 * KiB)).toEqual({ kind: 'needs-block', bytes: 64 * KiB, leastBytes: 32 * KiB, use: 'shared' });
  expect(asked(32 * KiB + 1)).toEqual({ kind: 'needs-block', bytes: 32 * KiB + 256, leastBytes: 32 * KiB + 256, use: 'dedicated' });
});

test('a smaller block than was asked for will do when the edge can make no larger one', () => {
  const edge = new FalseEdge(64 * KiB);
  const got = edge.arena.allocate(3000, 'weight');
  expect(got).toMatchObject({ kind: 'needs-block', leastBytes: 3072 });
  edge.addBlock(3072 + 255);
  expect(edge.arena.allocate(3000, 'weight').kind).toBe('placed');
  expect(() => edge.arena.addBlock(255)).toThrow('at least 256 bytes');
  expect(() => edge.arena.addBlock(64 * KiB + 1)).toThrow('no more than a buffer');
  expect(() => edge.arena.addBlock(Number.NaN)).toThrow('a block has');
});

test('a large weight has a block of its own, which goes with it and is for nobody else', () => {
  const edge = new FalseEdge();
  const large = edge.allocate(9 * KiB);
  edge.allocate(100);
  expect(edge.arena.resolve(large)!.block).not.toBe(edge.arena.resolve(2 as WeightId)!.block);
  edge.free(large);
  expect([edge.buffers.size, edge.dropped]).toEqual([1, 1]);
});

test('one empty block is kept, the smallest, so that a weight that comes and goes makes no buffers', () => {
  const edge = new FalseEdge(16 * KiB);
  for (let round = 0; round < 50; round += 1) edge.free(edge.allocate(1000));
  expect([edge.made, edge.dropped]).toEqual([1, 0]);
  const ids = Array.from({ length: 30 }, () => edge.allocate(1000));
  for (const id of ids) edge.free(id);
  expect([...edge.buffers.values()].map(({ length }) => length)).toEqual([2 * KiB]);
  edge.drop(edge.arena.trim());
  expect(edge.buffers.size).toBe(0);
});

test('sizes that cannot be are refused or found', () => {
  const edge = new FalseEdge();
  expect(edge.arena.allocate(0, 'nothing')).toEqual({ kind: 'refused', code: 'no-bytes', limitBytes: 1 });
  expect(edge.arena.allocate(64 * KiB + 1, 'huge')).toEqual({ kind: 'refused', code: 'over-buffer-limit', limitBytes: 64 * KiB });
  expect(edge.arena.allocate(2 ** 53 - 1, 'huge')).toMatchObject({ kind: 'refused' });
  expect(edge.allocate(64 * KiB)).toBe(1);
  for (const odd of [-1, 1.5, Number.NaN, Infinity]) expect(() => edge.arena.allocate(odd, 'odd')).toThrow('a whole number of bytes');
  for (const maxBlockBytes of [2047, 2 ** 34, Number.NaN]) {
    expect(() => new WeightArena({ maxBlockBytes, maxBufferBytes: 2 ** 34 })).toThrow('a shared block is');
  }
});

/** Two blocks: a full one with a gap, and one with a single small weight. */
function sparse(): { readonly edge: FalseEdge; readonly last: WeightId } {
  const edge = new FalseEdge(16 * KiB);
  edge.addBlock(4 * KiB);
  const ids = Array.from({ length: 16 }, () => edge.allocate(256));
  edge.addBlock(4 * KiB);
  const last = edge.allocate(200);
  edge.free(ids[5]!);
  edge.free(ids[6]!);
  return { edge, last };
}

test('a weight lies where it lay until its move is told; then it has a new version and the block is gone', () => {
  const { edge, last } = sparse();
  const before = edge.arena.resolve(last)!;
  const moves = edge.arena.compact(everything);
  expect(moves).toEqual([{ id: last, from: { block: before.block, offset: 0 }, to: { block: 1, offset: 5 * 256 }, bytes: 200 }]);
  expect(edge.arena.resolve(last)).toEqual(before);
  expect(edge.arena.compact(everything), 'it is under way').toEqual([]);
  edge.move(moves);
  expect(edge.arena.resolve(last)).toEqual({ block: 1, offset: 5 * 256, bytes: 200, version: 2 });
  expect(() => edge.arena.moved(moves)).toThrow('a move is told once');
  check(edge);
});

test('a move that is abandoned changes nothing and leaves no range reserved', () => {
  const { edge, last } = sparse();
  const [before, report] = [edge.arena.resolve(last), edge.arena.report()];
  expect(edge.arena.abandoned(edge.arena.compact(everything))).toEqual([]);
  expect([edge.arena.resolve(last), edge.arena.report()]).toEqual([before, report]);
});

test('while a block is emptied nothing else goes there, and nothing leaves where its weights go', () => {
  const edge = new FalseEdge(16 * KiB);
  const blockOf = (count: number, bytes = 4 * KiB): readonly WeightId[] => {
    edge.addBlock(bytes);
    return Array.from({ length: count }, () => edge.allocate(256));
  };
  const [full, fuller, emptiest] = [blockOf(32, 8 * KiB), blockOf(16), blockOf(2)];
  for (const id of fuller.slice(14)) edge.free(id);
  const moves = edge.arena.compact(everything);
  expect(moves.map(({ id, to }) => [id, to.block])).toEqual(emptiest.map((id) => [id, 2]));
  // There is room for each of the others in another block now.
  for (const id of full.slice(1)) edge.free(id);
  expect(edge.arena.compact(everything)).toEqual([]);
  edge.move(moves);
  check(edge);
  expect(edge.arena.report().emptyBlockCount).toBe(1);
});

test('what is pinned does not move, nor when it is pinned while the move is under way', () => {
  const { edge, last } = sparse();
  edge.arena.pin(last);
  const others = edge.arena.compact(everything);
  expect(others.map(({ to }) => to.block), 'the fuller block can be emptied instead').toEqual(others.map(() => edge.arena.resolve(last)!.block));
  edge.arena.abandoned(others);
  edge.arena.unpin(last);
  expect(() => edge.arena.unpin(last)).toThrow('as often as it was pinned');
  const moves = edge.arena.compact(everything);
  edge.arena.pin(last);
  edge.pinned.add(last);
  const before = edge.arena.resolve(last);
  edge.move(moves);
  expect(edge.arena.resolve(last)).toEqual(before);
  check(edge);
});

test('a weight that is freed while it moves gives neither range away before the copy', () => {
  const { edge, last } = sparse();
  const moves = edge.arena.compact(everything);
  edge.free(last);
  expect(() => edge.arena.resolve(last)).toThrow('was not freed');
  edge.moves = moves;
  for (let index = 0; index < 15; index += 1) edge.allocate(256);
  check(edge);
  edge.move(moves);
  edge.moves = [];
  check(edge);
});

test('a weight is good once: freed twice, or never there, it is found', () => {
  const edge = new FalseEdge();
  const id = edge.allocate(100);
  edge.free(id);
  for (const bad of [id, 0, -1, 2, 1.5, Number.NaN] as WeightId[]) {
    expect(() => edge.arena.free(bad)).toThrow('a weight is known');
    expect(() => edge.arena.resolve(bad)).toThrow('a weight is known');
  }
});

test('with the device everything goes: old ids are nobody, and are counted', () => {
  const { edge, last } = sparse();
  const moves = edge.arena.compact(everything);
  edge.arena.lose();
  edge.buffers.clear();
  edge.expected.clear();
  expect(edge.arena.resolve(last)).toBeUndefined();
  expect(edge.arena.free(last)).toEqual([]);
  edge.arena.pin(last);
  edge.arena.unpin(last);
  expect([edge.arena.moved(moves), edge.arena.abandoned(moves)]).toEqual([[], []]);
  expect(edge.arena.report()).toEqual({ requestedBytes: 0, chargedBytes: 0, reservedBytes: 0, weightCount: 0, blockCount: 0, emptyBlockCount: 0,
    largestFreeBytes: 0, fragmentation: 0, staleCount: 6 });
  const fresh = edge.allocate(100);
  expect(fresh).toBeGreaterThan(last);
  check(edge);
  edge.free(fresh);
  expect(() => edge.arena.free(fresh)).toThrow('a weight is known');
});

test('what was never freed is named', () => {
  const edge = new FalseEdge();
  edge.allocate(100, 'embedding');
  edge.free(edge.allocate(100, 'bias'));
  expect([...edge.arena.weights()].map(({ label, bytes }) => [label, bytes])).toEqual([['embedding', 100]]);
});
