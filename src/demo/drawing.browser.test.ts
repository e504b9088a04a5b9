import { expect, test } from 'vitest';
import { openDrawing } from './drawing.ts';
import { Scene } from './scene.ts';
import { greyImage } from './pictures.ts';

/** Pixels that are not transparent. */
const painted = ({ data }: ImageData): number => data.filter((value, i) => i % 4 === 3 && value > 0).length;

test('a frame has petals on a clear ground, and they move', async () => {
  const drawing = await openDrawing(navigator.gpu);
  const first = await drawing.frame(0);
  const later = await drawing.frame(2);
  drawing.close();
  expect(painted(first)).toBeGreaterThan(2000);
  expect(painted(first)).toBeLessThan(256 * 256 * 0.7);
  expect(later.data).not.toEqual(first.data);
});

test('the moving picture moves and fills its canvas', () => {
  const scene = new Scene(document.createElement('canvas'), 64);
  const first = scene.at(0);
  expect(painted(first)).toBe(64 * 64);
  expect(scene.at(1).data).not.toEqual(first.data);
});

test('a plane becomes grey pixels, and what is beyond black and white is black or white', () => {
  expect([...greyImage([-1, 0.5, 7], 3, 1).data]).toEqual([0, 0, 0, 255, 128, 128, 128, 255, 255, 255, 255, 255]);
});
