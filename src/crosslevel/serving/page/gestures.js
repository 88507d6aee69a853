// Mouse, pen, fingers and arrow keys on the drawing area become strokes.

import { beginLevel, moveLevel, PIXELS_PER_STEP } from "./level.js";
import { brush, copyRect, polygon, union } from "./mask.js";

const TAP_PX = 4;

export class Gestures {
  /**
   * `app` gives `state`, `opened`, `canvas`, `commit(tool, rect)`, `resize(factor)` and `say(text)`.
   */
  constructor(stage, app) {
    this.stage = stage;
    this.app = app;
    this.corners = [];
    this.cursor = null; // in image pixels, moved by arrow keys
    this._pointers = new Map();
    this._stroke = null;
    this._ring = stage.querySelector("#ring");
    this._line = stage.querySelector("#corners");
    stage.addEventListener("pointerdown", (event) => this._down(event));
    stage.addEventListener("pointermove", (event) => this._move(event));
    for (const name of ["pointerup", "pointercancel"]) stage.addEventListener(name, (event) => this._up(event));
    stage.addEventListener("pointerleave", () => this._hideRing());
    stage.addEventListener("wheel", (event) => this._wheel(event), { passive: false });
    stage.addEventListener("dblclick", () => this.closePolygon());
    stage.addEventListener("contextmenu", (event) => event.preventDefault());
  }

  /** Forget what is half drawn. */
  cancel() {
    this._abandon();
    this.corners = [];
    this.sketch();
  }

  /** Keep what is half drawn with mouse, pen or keys. */
  finish() {
    const stroke = this._stroke;
    this._stroke = null;
    this.isPressed = false;
    if (stroke?.rect) this.app.commit(stroke.tool, stroke.rect);
  }

  _abandon() {
    if (this._stroke?.rect) {
      this.app.opened.history.abandon(this._stroke.rect);
      this.app.canvas.changed(this._stroke.rect);
    }
    this._stroke = null;
    this.isPressed = false;
  }

  get isBusy() { return this._stroke !== null || this.corners.length > 0; }

  _at(event) {
    const box = this.stage.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  _down(event) {
    const { app } = this, at = this._at(event);
    this.stage.focus({ preventScroll: true });
    if (!app.opened) return;
    if (this.isPressed) this.finish();
    this.stage.setPointerCapture(event.pointerId);
    this._pointers.set(event.pointerId, at);
    if (event.pointerType === "pen") this._hasPen = true;
    if (this._pointers.size > 1) { // corners stay; a third finger, or the palm, draws nothing
      this._abandon();
      if (this._pointers.size === 2) this._pinch = this._spread();
      return;
    }
    const isFinger = event.pointerType === "touch" && this._hasPen; // with a pen at hand, fingers move the picture
    const moves = !app.state.holds || isFinger || event.button === 1 || event.button === 2 || app.state.tool === "hand";
    this._begin(moves ? "hand" : app.state.tool, at);
  }

  _begin(tool, at) {
    const { app } = this, point = app.canvas.toImage(at);
    this._stroke = { tool, from: at, last: at, rect: null, moved: false };
    if (tool === "brush" || tool === "eraser") this._paint(point, point);
    else if (tool === "level") this._beginLevel(point);
  }

  _move(event) {
    if (this.isPressed) return; // keys draw
    const at = this._at(event), stroke = this._stroke;
    if (this._pointers.has(event.pointerId)) this._pointers.set(event.pointerId, at);
    this.cursor = null;
    if (this._pinch && this._pointers.size === 2) {
      this._pinched();
      return;
    }
    this._showRing(at);
    if (!stroke) {
      if (this.corners.length) this.sketch(at);
      return;
    }
    if (Math.hypot(at.x - stroke.from.x, at.y - stroke.from.y) > TAP_PX) stroke.moved = true;
    if (stroke.tool === "hand") this.app.canvas.pan(at.x - stroke.last.x, at.y - stroke.last.y);
    else if (stroke.tool === "level") this._level(at);
    else if (stroke.tool !== "polygon") {
      for (const one of event.getCoalescedEvents?.() ?? [event]) {
        const next = this._at(one);
        this._paint(this.app.canvas.toImage(stroke.last), this.app.canvas.toImage(next));
        stroke.last = next;
      }
    }
    stroke.last = at;
  }

  _up(event) {
    this._pointers.delete(event.pointerId);
    if (this._pinch) {
      if (!this._pointers.size) this._pinch = null;
      return;
    }
    if (event.type === "pointercancel") {
      if (this._stroke) this.cancel();
      return;
    }
    const isCorner = this._stroke?.tool === "polygon";
    this.finish();
    if (isCorner) this.corner(this.app.canvas.toImage(this._at(event)));
  }

  _paint(from, to) {
    const { state, opened, canvas } = this.app, erases = (this._stroke?.tool ?? state.tool) === "eraser";
    const rect = brush(opened.mask, from, to, state.radius, erases ? 0 : state.value);
    if (this._stroke) this._stroke.rect = union(this._stroke.rect, rect);
    canvas.changed(rect);
    return rect;
  }

  _beginLevel(point) {
    const { app } = this, map = app.opened.mapOf(this._classAt(point));
    if (!map) {
      this._stroke = null;
      app.say("There is no model yet, so the level tool has nothing to follow. Retrain first, or draw.");
      return;
    }
    this._stroke.map = map;
    this._stroke.begun = beginLevel(app.opened.mask, map, point, app.state.value);
  }

  _classAt({ x, y }) {
    const { mask } = this.app.opened, column = Math.floor(x), row = Math.floor(y);
    const inside = column >= 0 && row >= 0 && column < mask.width && row < mask.height;
    const found = inside ? mask.data[row * mask.width + column] : 0;
    return found && found !== 255 ? found : this.app.state.value;
  }

  _level(at) {
    const stroke = this._stroke;
    if (!stroke.moved) return;
    const steps = (at.x - stroke.from.x - (at.y - stroke.from.y)) / PIXELS_PER_STEP;
    this._setLevel(stroke, steps);
  }

  _setLevel(stroke, steps) {
    const { opened, canvas } = this.app;
    if (stroke.rect) copyRect(opened.history.mask, opened.mask, stroke.rect);
    const rect = moveLevel(opened.mask, opened.history.mask, stroke.map, stroke.begun, steps);
    stroke.rect = union(stroke.rect, rect);
    canvas.changed(stroke.rect);
  }

  /** Grow or shrink the lesion under the cursor by one step of the keyboard. */
  nudge(steps) {
    this.finish();
    const { app } = this, point = this.cursor ?? this._middle();
    this._stroke = { tool: "level", rect: null };
    this._beginLevel(point);
    if (!this._stroke) return;
    this._setLevel(this._stroke, steps);
    this.finish();
  }

  corner(point) {
    this.corners.push(point);
    this.sketch();
  }

  closePolygon() {
    const { app, corners } = this;
    this.corners = [];
    this.sketch();
    const distinct = corners.filter((p, i) => i === 0 || Math.hypot(p.x - corners[i - 1].x, p.y - corners[i - 1].y) > 1e-6);
    if (app.opened && distinct.length > 2) app.commit("polygon", this._filled(distinct));
  }

  _filled(points) {
    const rect = polygon(this.app.opened.mask, points, this.app.state.value);
    this.app.canvas.changed(rect);
    return rect;
  }

  /** Move the cursor of the keyboard by pixels of the screen; with `draws` it leaves a line. */
  step(dx, dy) {
    const { app } = this, from = this.cursor ?? this._middle(), scale = app.canvas.view.scale;
    const limit = (value, most) => Math.min(most - 0.5, Math.max(0.5, value));
    this.cursor = {
      x: limit(from.x + dx / Math.max(scale, 0.05), app.opened.width),
      y: limit(from.y + dy / Math.max(scale, 0.05), app.opened.height),
    };
    if (this.isPressed) this._paint(from, this.cursor);
    const seen = app.canvas.toScreen(this.cursor), { width, height } = app.canvas.screen;
    if (seen.x < 0 || seen.y < 0 || seen.x > width || seen.y > height) app.canvas.pan(-dx, -dy);
    this._showRing(app.canvas.toScreen(this.cursor));
  }

  /** What Space does at the cursor: a corner, or the brush goes down, or up again. */
  press() {
    const { app } = this, point = this.cursor ?? this._middle();
    this.cursor = point;
    if (app.state.tool === "polygon") this.corner(point);
    else if (app.state.tool === "brush" || app.state.tool === "eraser") {
      const begins = !this.isPressed;
      this.finish();
      if (begins) {
        this.isPressed = true;
        this._stroke = { tool: app.state.tool, rect: null };
        this._paint(point, point);
        app.say("Drawing: move with the arrow keys, Space ends");
      }
    }
    this._showRing(app.canvas.toScreen(point));
  }

  _middle() {
    const { width, height } = this.app.opened;
    return { x: width / 2, y: height / 2 };
  }

  _wheel(event) {
    event.preventDefault();
    const { app } = this, factor = Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015));
    const sizes = (app.state.tool === "brush" || app.state.tool === "eraser") && !event.ctrlKey && !event.shiftKey;
    if (sizes) {
      app.resize(factor);
      this._showRing(this._at(event));
    } else app.canvas.zoom(factor, this._at(event));
    if (this.corners.length) this.sketch();
  }

  _spread() {
    const [a, b] = [...this._pointers.values()];
    return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, length: Math.hypot(a.x - b.x, a.y - b.y) };
  }

  _pinched() {
    const now = this._spread(), before = this._pinch;
    this.app.canvas.pan(now.x - before.x, now.y - before.y);
    this.app.canvas.zoom(now.length / Math.max(1, before.length), now);
    this._pinch = now;
    if (this.corners.length) this.sketch();
  }

  _showRing(at) {
    const { state, canvas } = this.app, draws = state.tool === "brush" || state.tool === "eraser";
    const radius = draws ? state.radius * canvas.view.scale : this.cursor ? 5 : 0;
    this._ring.setAttribute("cx", at.x);
    this._ring.setAttribute("cy", at.y);
    this._ring.setAttribute("r", radius && Math.max(2, radius));
  }

  _hideRing() {
    if (!this.cursor) this._ring.setAttribute("r", 0);
  }

  /** Show the corners set so far, and a line to where the pointer is. */
  sketch(at) {
    const seen = this.corners.map((p) => this.app.canvas.toScreen(p));
    if (at && seen.length) seen.push(at);
    this._line.setAttribute("points", seen.map((p) => `${p.x},${p.y}`).join(" "));
  }
}
