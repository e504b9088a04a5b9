import { beforeAll, expect, test } from 'vitest';
import { brightness } from './pictures.ts';

let image: ImageData;
beforeAll(() => {
  // Two pixels, orange and white: Node has no ImageData, and these functions read only its fields.
  image = { data: Uint8ClampedArray.of(255, 128, 0, 255, 255, 255, 255, 255), width: 2, height: 1, colorSpace: 'srgb' } as ImageData;
});

test('white is 1, and green counts more than red', () => {
  const [orange, white] = brightness(image);
  expect(white).toBeCloseTo(1);
  expect(orange).toBeCloseTo(0.299 + 0.587 * (128 / 255));
});
