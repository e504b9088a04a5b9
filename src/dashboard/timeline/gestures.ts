import { neighbour, rowNeighbour, type Pick } from './pick.ts';
import type { Timeline } from './timeline.ts';

const ZOOM_STEP = 1.25;
const PAN_STEP_PX = 80;
/** A press that moved no further than this was a click. */
const CLICK_PX = 4;

/**
 * Wheel, drag, pinch and keys on a timeline, Perfetto's where it has them: W S zoom, A D pan, F fits, arrows go from
 * span to span, Space follows or pauses, Escape lets go. The plain wheel zooms only while the timeline has the focus:
 * a page must scroll past it. Answers `onHover` with what is under the pointer.
 */
export function listen(timeline: Timeline, onHover: (pick: Pick | undefined, x: number, y: number) => void, signal: AbortSignal): void {
  const { canvas } = timeline;
  const pointers = new Map<number, { x: number; y: number }>();
  let travelled = 0;

  const pointOf = (event: MouseEvent): { x: number; y: number } => {
    const { left, top } = canvas.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  };

  canvas.addEventListener('wheel', (event) => {
    const isFocused = canvas.matches(':focus');
    const across = event.shiftKey && event.deltaX === 0 ? event.deltaY : event.deltaX;
    if (event.ctrlKey || event.metaKey || (isFocused && !event.shiftKey && Math.abs(event.deltaY) > Math.abs(event.deltaX))) {
      timeline.zoom(1.0015 ** event.deltaY, pointOf(event).x);
    } else if (across !== 0) {
      timeline.pan(across);
    } else {
      return;
    }
    event.preventDefault();
  }, { signal, passive: false });

  canvas.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, pointOf(event));
    if (pointers.size === 1) travelled = 0;
  }, { signal });

  canvas.addEventListener('pointermove', (event) => {
    const to = pointOf(event);
    const from = pointers.get(event.pointerId);
    if (from === undefined) {
      const pick = timeline.pickAt(to.x, to.y);
      timeline.hover(pick);
      onHover(pick, to.x, to.y);
      return;
    }
    pointers.set(event.pointerId, to);
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (other !== undefined) {
      const [before, after] = [Math.abs(from.x - other.x), Math.abs(to.x - other.x)];
      if (before > 10 && after > 10) timeline.zoom(before / after, (to.x + other.x) / 2);
      travelled = Infinity;
      return;
    }
    travelled += Math.abs(to.x - from.x);
    if (travelled > CLICK_PX && to.x !== from.x) timeline.pan(from.x - to.x);
  }, { signal });

  const release = (event: PointerEvent): void => {
    const at = pointers.get(event.pointerId);
    pointers.delete(event.pointerId);
    if (at !== undefined && event.type === 'pointerup' && travelled <= CLICK_PX) timeline.select(timeline.pickAt(at.x, at.y));
  };
  canvas.addEventListener('pointerup', release, { signal });
  canvas.addEventListener('pointercancel', release, { signal });
  canvas.addEventListener('pointerleave', () => {
    timeline.hover(undefined);
    onHover(undefined, 0, 0);
  }, { signal });

  canvas.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (act === undefined) return;
    act(timeline);
    event.preventDefault();
  }, { signal });
}

/** What each key does. Letters count only while the timeline has the focus. */
const keys: Readonly<Record<string, (timeline: Timeline) => void>> = {
  w: (t) => t.zoom(1 / ZOOM_STEP),
  s: (t) => t.zoom(ZOOM_STEP),
  '+': (t) => t.zoom(1 / ZOOM_STEP),
  '-': (t) => t.zoom(ZOOM_STEP),
  a: (t) => t.pan(-PAN_STEP_PX),
  d: (t) => t.pan(PAN_STEP_PX),
  f: (t) => t.fit(),
  ' ': (t) => (t.following ? t.pause() : t.follow()),
  Escape: (t) => t.select(undefined),
  ArrowRight: (t) => step(t, 1),
  ArrowLeft: (t) => step(t, -1),
  '.': (t) => step(t, 1),
  ',': (t) => step(t, -1),
  ArrowDown: (t) => t.select(rowNeighbour(t.layout, t.selected, 1, t.scale.startAt)),
  ArrowUp: (t) => t.select(rowNeighbour(t.layout, t.selected, -1, t.scale.startAt)),
};

function step(timeline: Timeline, steps: -1 | 1): void {
  timeline.select(timeline.selected === undefined ? rowNeighbour(timeline.layout, undefined, 1, timeline.scale.startAt) : neighbour(timeline.selected, steps));
}
