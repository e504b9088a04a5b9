/** Pixels between canvases and tensors: 0 is black and 1 is white, rows from the top. */

/** Brightness as [height, width], weighted as the eye does. */
export function brightness({ data, width, height }: ImageData): Float32Array {
  const plane = new Float32Array(width * height);
  for (let i = 0; i < plane.length; i++) plane[i] = (0.299 * data[4 * i]! + 0.587 * data[4 * i + 1]! + 0.114 * data[4 * i + 2]!) / 255;
  return plane;
}

/** Grey pixels of a plane; values beyond 0…1 are the nearest of them. */
export function greyImage(plane: ArrayLike<number>, width: number, height: number): ImageData {
  const image = new ImageData(width, height);
  const words = new Uint32Array(image.data.buffer);
  for (let i = 0; i < words.length; i++) {
    const level = Math.round(Math.min(1, Math.max(0, plane[i]!)) * 255);
    words[i] = (0xff000000 | (level << 16) | (level << 8) | level) >>> 0;
  }
  return image;
}
