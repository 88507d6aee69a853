// What was done to one mask, and how it is undone and done again. Pure.

import { apply, copyRect, difference, encode, makeMask } from "./mask.js";

export class History {
  /** `base` is the mask it began with; `strokes` and `cursor` are as the server keeps them. */
  constructor(base, strokes = [], cursor = strokes.length) {
    this.mask = makeMask(base.width, base.height, base.data.slice());
    this.shown = base; // what is drawn on; equal to `mask` between two strokes
    this.entries = [];
    this.cursor = 0;
    for (const { tool, ...patch } of strokes) {
      const before = encode(this.mask, patch);
      apply(this.mask, patch);
      this.entries.push({ tool, before, after: patch });
    }
    this.cursor = this.entries.length;
    while (this.cursor > cursor) apply(this.mask, this.entries[--this.cursor].before);
    this.shown.data.set(this.mask.data);
  }

  get canUndo() { return this.cursor > 0; }

  get canRedo() { return this.cursor < this.entries.length; }

  /** Keep what was drawn on `shown` in a rect; returns the stroke for the server, null if nothing changed. */
  commit(tool, where) {
    const rect = where && difference(this.mask, this.shown, where);
    if (!rect) return null;
    const entry = { tool, before: encode(this.mask, rect), after: encode(this.shown, rect) };
    copyRect(this.shown, this.mask, rect);
    const at = this.cursor;
    this.entries.splice(at, Infinity, entry);
    this.cursor = at + 1;
    return { at, tool, patch: entry.after };
  }

  /** Take back what was drawn on `shown` since the last stroke. */
  abandon(rect) {
    if (rect) copyRect(this.mask, this.shown, rect);
  }

  undo() { return this.canUndo ? this._put(this.entries[--this.cursor].before) : null; }

  redo() { return this.canRedo ? this._put(this.entries[this.cursor++].after) : null; }

  _put(patch) {
    apply(this.mask, patch);
    return apply(this.shown, patch);
  }
}
