import { expect, test } from 'vitest';
import { type RangeHandle, RangeTable, slotBits } from './range-table.ts';

test('a slot whose generations are used up is never given again', () => {
  const table = new RangeTable(10, 1, 3);
  const handles: RangeHandle[] = [];
  let slot = 0;
  for (let use = 0; use < 10; use += 1) {
    expect(table.use(slot, 10)).toBe(-1);
    handles.push(table.handleOf(slot));
    slot = table.unuse(slot);
    expect([table.isFree(slot), table.offset[slot], table.size[slot]]).toEqual([true, 0, 10]);
  }
  expect(new Set(handles).size).toBe(10);
  expect(handles.map((handle) => handle % 2 ** slotBits)).toEqual([0, 0, 0, 1, 1, 1, 2, 2, 2, 3]);
  for (const handle of handles) expect(() => table.slotOf(handle)).toThrow('a range is in use');
});

test('a range whose slot is spent keeps its neighbours', () => {
  const table = new RangeTable(30, 1, 1);
  const second = table.use(0, 10);
  const third = table.use(second, 10);
  expect([third, table.use(third, 10)]).toEqual([2, -1]);
  const freed = table.unuse(second);
  expect(freed).toBe(3);
  expect([table.before[freed], table.behind[freed], table.behind[0], table.before[third]]).toEqual([0, third, freed, freed]);
  const last = table.unuse(third);
  table.join(freed, last);
  expect([table.size[freed], table.behind[freed], table.isFree(last)]).toEqual([20, -1, false]);
  // The slot that was joined was never used up, so it is given again.
  table.use(freed, 5);
  expect(table.behind[freed]).toBe(last);
});

test('the largest handle is a safe integer', () => {
  expect(Number.isSafeInteger((2 ** (53 - slotBits) - 1) * 2 ** slotBits + 2 ** slotBits - 1)).toBe(true);
});
