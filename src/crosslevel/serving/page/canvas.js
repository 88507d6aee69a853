// Drawing the picture and the mask: two layers, so that a stroke repaints only what it touched.

import { fit, pan, screenRect, toImage, toScreen, zoomAt } from "./view.js";

export const COLOURS = [[0, 229, 255], [255, 179, 0], [224, 64, 251], [118, 255, 3], [255, 82, 82]];
const FILL = 70; // of 255
const MOST_PIXELS = 3_000_000; // of the layer of the mask; beyond, a screen of fine pixels is drawn coarser
const LARGEST_LEVEL = 1400; // pixels along a side from which on a smaller copy of the picture is kept

export const LOOKS = ["both", "outline", "none"];

export class Canvas {
  constructor(stage) {
    this.stage = stage;
    this.picture = stage.querySelector("#picture");
    this.overlay = stage.querySelector("#overlay");
    this.view = { scale: 1, x: 0, y: 0 };
    this.look = "both";
    this.image = null;
    this.screen = { width: 1, height: 1 };
    this._dirty = null;
    this._all = false;
    new ResizeObserver(() => this.resize()).observe(stage);
    this.resize();
  }

  /** Show an image: `levels` are ever smaller copies of it, `mask` is what is drawn over it. */
  show(image) {
    this.image = image;
    if (image) this.fit();
    this.repaint();
  }

  resize() {
    const { width, height } = this.stage.getBoundingClientRect();
    const isFitted = this.image && this._fitted;
    this.screen = { width: Math.max(1, width), height: Math.max(1, height) };
    const wanted = Math.min(2, devicePixelRatio || 1);
    this.ratio = width * height * wanted * wanted > MOST_PIXELS ? 1 : wanted;
    for (const layer of [this.picture, this.overlay]) {
      layer.width = Math.round(this.screen.width * this.ratio);
      layer.height = Math.round(this.screen.height * this.ratio);
    }
    if (isFitted) this.fit();
    this.repaint();
  }

  fit() {
    this.view = fit(this.image, this.screen);
    this._smallest = this.view.scale;
    this._fitted = true;
    this.repaint();
  }

  zoom(factor, point = { x: this.screen.width / 2, y: this.screen.height / 2 }) {
    if (!this.image) return;
    this.view = zoomAt(this.view, point, factor, fit(this.image, this.screen).scale);
    this._fitted = false;
    this.repaint();
  }

  pan(dx, dy) {
    this.view = pan(this.view, dx, dy);
    this._fitted = false;
    this.repaint();
  }

  toImage(point) { return toImage(this.view, point); }

  toScreen(point) { return toScreen(this.view, point); }

  /** Draw everything in the next frame. */
  repaint() {
    this._all = true;
    this._schedule();
  }

  /** Draw a rect of the mask in the next frame. */
  changed(rect) {
    if (!rect || !this.image) return;
    const seen = screenRect(this.view, rect, this.screen);
    if (!seen) return;
    const d = this._dirty;
    if (!d) this._dirty = seen;
    else {
      const x = Math.min(d.x, seen.x), y = Math.min(d.y, seen.y);
      this._dirty = { x, y, w: Math.max(d.x + d.w, seen.x + seen.w) - x, h: Math.max(d.y + d.h, seen.y + seen.h) - y };
    }
    this._schedule();
  }

  _schedule() {
    if (this._frame) return;
    this._frame = requestAnimationFrame(() => {
      this._frame = 0;
      performance.mark("paint");
      if (this._all) {
        this._paintPicture();
        this._paintMask({ x: 0, y: 0, w: this.screen.width, h: this.screen.height });
      } else if (this._dirty) this._paintMask(this._dirty);
      this._all = false;
      this._dirty = null;
      performance.measure("crosslevel paint", "paint");
    });
  }

  _paintPicture() {
    const context = this.picture.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.picture.width, this.picture.height);
    if (!this.image) return;
    const scale = this.view.scale * this.ratio;
    const levels = this.image.levels;
    const level = levels.findLast((copy) => copy.width >= this.image.width * scale * 0.99) ?? levels[0];
    context.imageSmoothingEnabled = scale < 3;
    context.imageSmoothingQuality = "high";
    context.drawImage(level, this.view.x * this.ratio, this.view.y * this.ratio,
      this.image.width * scale, this.image.height * scale);
  }

  /** Each pixel of the screen shows the class of the image pixel under its middle. */
  _paintMask(rect) {
    const r = this.ratio, context = this.overlay.getContext("2d");
    const x0 = Math.max(0, Math.floor(rect.x * r)), y0 = Math.max(0, Math.floor(rect.y * r));
    const w = Math.min(this.overlay.width, Math.ceil((rect.x + rect.w) * r)) - x0;
    const h = Math.min(this.overlay.height, Math.ceil((rect.y + rect.h) * r)) - y0;
    if (w <= 0 || h <= 0) return;
    if (!this.image || this.look === "none") {
      context.clearRect(x0, y0, w, h);
      return;
    }
    const edge = Math.max(1, Math.round(1.6 * r)), classes = this._classes(x0 - edge, y0 - edge, w + 2 * edge, h + 2 * edge);
    const pixels = context.createImageData(w, h), out = new Uint32Array(pixels.data.buffer), step = w + 2 * edge;
    const fills = PALETTE[this.look === "both" ? "fill" : "clear"], lines = PALETTE.line;
    for (let y = 0; y < h; y++) {
      for (let x = 0, at = (y + edge) * step + edge; x < w; x++, at++) {
        const value = classes[at];
        if (!value) continue;
        const isEdge = classes[at - edge] !== value || classes[at + edge] !== value
          || classes[at - edge * step] !== value || classes[at + edge * step] !== value;
        out[y * w + x] = isEdge ? lines[value] : fills[value];
      }
    }
    context.putImageData(pixels, x0, y0);
  }

  _classes(x0, y0, w, h) {
    const { mask } = this.image, found = new Uint8Array(w * h), scale = this.view.scale * this.ratio;
    const dx = this.view.x * this.ratio, dy = this.view.y * this.ratio, columns = new Int32Array(w);
    for (let x = 0; x < w; x++) {
      const at = Math.floor((x0 + x + 0.5 - dx) / scale);
      columns[x] = at >= 0 && at < mask.width ? at : -1;
    }
    for (let y = 0; y < h; y++) {
      const at = Math.floor((y0 + y + 0.5 - dy) / scale);
      if (at < 0 || at >= mask.height) continue;
      const row = at * mask.width, line = y * w;
      for (let x = 0; x < w; x++) if (columns[x] >= 0) found[line + x] = mask.data[row + columns[x]];
    }
    return found;
  }
}

const packed = ([r, g, b], alpha) => ((alpha << 24) | (b << 16) | (g << 8) | r) >>> 0;
const GREY = [190, 190, 190];
const palette = (alpha) => Uint32Array.from({ length: 256 }, (_, n) => (n === 0 ? 0
  : packed(n === 255 ? GREY : COLOURS[(n - 1) % COLOURS.length], alpha)));
const PALETTE = { fill: palette(FILL), clear: palette(1), line: palette(255) };

/** A picture, and soon ever smaller copies of it, so that one of 12 million pixels is drawn as fast as a small one. */
export async function copies(blob) {
  const levels = [await createImageBitmap(blob)];
  shrink(levels); // nobody waits for it: the first frame is drawn from the whole picture
  return levels;
}

async function shrink(levels) {
  for (let last = levels[0]; Math.max(last.width, last.height) > LARGEST_LEVEL; last = levels.at(-1)) {
    const half = { resizeWidth: Math.ceil(last.width / 2), resizeHeight: Math.ceil(last.height / 2), resizeQuality: "high" };
    levels.push(await createImageBitmap(last, half));
  }
}
