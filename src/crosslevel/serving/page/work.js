// The images at hand: the one that is open, and the next ones, fetched while a person works.

import { getBlob, getBytes, getJson } from "./api.js";
import { copies } from "./canvas.js";
import { History } from "./history.js";
import { checksum, makeMask } from "./mask.js";

const MOST = 4;

/** One image with all that is needed to work on it. */
export class Opened {
  constructor(number, draft, base, levels, map) {
    this.number = number;
    this.width = draft.width;
    this.height = draft.height;
    this.levels = levels; // copies of the picture, the largest first
    this.mask = makeMask(draft.width, draft.height, base);
    this.baseCrc = checksum(this.mask);
    this.history = new History(this.mask, draft.strokes, draft.cursor);
    this.begunFrom = draft.begun_from;
    this.seconds = draft.seconds;
    this.note = draft.note;
    this.maps = map; // levels of each class, null without a model
  }

  get isUntouched() { return this.history.entries.length === 0; }

  /** Levels of a class (1, 2, …) as the level tool takes them; null without a model. */
  mapOf(value) {
    if (!this.maps) return null;
    const [classes, height, width] = this.maps.shape, index = Math.min(value, classes) - 1;
    return { width, height, data: this.maps.bytes.subarray(index * width * height, (index + 1) * width * height) };
  }
}

async function load(number) {
  const path = `images/${number}`;
  const draft = await getJson(`${path}/draft`);
  const [base, blob, map] = await Promise.all([getBytes(`${path}/base`), getBlob(`${path}/picture`), getBytes(`${path}/levels`)]);
  return new Opened(number, draft, base.bytes, await copies(blob), map);
}

export class Work {
  constructor(writes) {
    this.writes = writes;
    this._kept = new Map();
  }

  /** Return an image, at once if it was fetched before. */
  open(number) {
    const known = this._kept.get(number);
    this._kept.delete(number);
    const opened = known ?? this.writes.last.then(() => load(number));
    this._kept.set(number, opened);
    opened.catch(() => this._kept.get(number) === opened && this._kept.delete(number));
    while (this._kept.size > MOST) this._kept.delete(this._kept.keys().next().value);
    return opened;
  }

  /** Fetch one that will be opened soon. */
  prefetch(number) {
    if (number !== null && !this._kept.has(number)) this.open(number).catch(() => {});
  }

  forget(number) { this._kept.delete(number); }

  clear() { this._kept.clear(); }

  /** Forget what was begun from another model; the server begins it anew, unless something was done to it. */
  async renew() {
    for (const [number, known] of [...this._kept]) {
      const opened = await known.catch(() => null);
      if (!opened || opened.isUntouched) {
        this.forget(number);
        await this.writes.send(`images/${number}/restart`).catch(() => {});
      }
    }
  }
}
