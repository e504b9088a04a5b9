/** A moving picture with borders worth finding: what the models of the page look at. Drawn by the 2D canvas, on the CPU. */
export class Scene {
  readonly size: number;
  readonly #context: CanvasRenderingContext2D;

  /** Draws on `canvas`, which becomes `size` pixels square. */
  constructor(canvas: HTMLCanvasElement, size: number) {
    this.size = size;
    canvas.width = canvas.height = size;
    this.#context = canvas.getContext('2d', { willReadFrequently: true })!;
  }

  /** The picture at `seconds`, drawn and read. */
  at(seconds: number): ImageData {
    const context = this.#context;
    const { size } = this;
    context.setTransform(size, 0, 0, size, 0, 0);
    const sky = context.createLinearGradient(0, 0, 0, 1);
    sky.addColorStop(0, '#1c3d5a');
    sky.addColorStop(1, '#e8b07a');
    context.fillStyle = sky;
    context.fillRect(0, 0, 1, 1);
    disc(context, 0.5 + 0.32 * Math.cos(seconds * 0.5), 0.34 - 0.16 * Math.sin(seconds * 0.5), 0.13, '#fff3d0');
    hills(context, seconds * 0.05, 0.62, 0.12, '#4a6a5d');
    hills(context, seconds * 0.12 + 3, 0.76, 0.1, '#27413a');
    mill(context, 0.68, 0.62, seconds);
    return context.getImageData(0, 0, size, size);
  }
}

function disc(context: CanvasRenderingContext2D, x: number, y: number, radius: number, color: string): void {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = color;
  context.fill();
}

function hills(context: CanvasRenderingContext2D, shift: number, top: number, height: number, color: string): void {
  context.beginPath();
  context.moveTo(0, 1);
  for (let x = 0; x <= 1.001; x += 0.02) context.lineTo(x, top - height * Math.sin(6 * (x + shift)) * Math.cos(2.3 * (x + shift)));
  context.lineTo(1, 1);
  context.fillStyle = color;
  context.fill();
}

/** A windmill: its sails turn, so that something always moves quickly. */
function mill(context: CanvasRenderingContext2D, x: number, y: number, seconds: number): void {
  context.fillStyle = '#f2ede4';
  context.beginPath();
  context.moveTo(x - 0.04, y);
  context.lineTo(x + 0.04, y);
  context.lineTo(x + 0.07, 0.92);
  context.lineTo(x - 0.07, 0.92);
  context.fill();
  context.save();
  context.translate(x, y);
  context.rotate(seconds * 1.4);
  context.fillStyle = '#c8452f';
  for (let sail = 0; sail < 4; sail++) {
    context.rotate(Math.PI / 2);
    context.fillRect(0.01, -0.012, 0.24, 0.055);
  }
  context.restore();
  disc(context, x, y, 0.025, '#2b2b2b');
}
