import { beforeAll, expect, test } from 'vitest';
import { brightness, colorPlanes } from './pictures.ts';

let image: ImageData;
beforeAll(() => {
  // Two pixels, orange and white: Node has no ImageData, and these functions read only its fields.
  image = { data: Uint8ClampedArray.of(255, 128, 0, 255, 255, 255, 255, 255), width: 2, height: 1, colorSpace: 'srgb' } as ImageData;
});

test('colours become planes, one after the other', () => {
  expect([...colorPlanes(image)].map((v) => Number(v.toFixed(3)))).toEqual([1, 1, 0.502, 1, 0, 1]);
});

test('white is 1, and green counts more than red', () => {
  const [orange, white] = brightness(image);
  expect(white).toBeCloseTo(1);
  expect(orange).toBeCloseTo(0.299 + 0.587 * (128 / 255));
});
