// The images at hand: the one that is open, and the next ones, fetched while a person works.

import { getBlob, getBytes, getJson } from "./api.js";
import { copies } from "./canvas.js";
import { History } from "./history.js";
import { makeMask } from "./mask.js";

const MOST = 4;

/** One image with all that is needed to work on it. */
export class Opened {
  constructor(number, { draft, base, levels, map }) {
    this.number = number;
    this.width = draft.width;
    this.height = draft.height;
    this.levels = levels; // copies of the picture, the largest first
    this.mask = makeMask(draft.width, draft.height, base.bytes);
    this.baseCrc = base.checksum;
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

/** All at once: the browser decodes the picture while the server computes the suggestion. */
async function load(number, picture) {
  const path = `images/${number}`;
  const [draft, base, map, levels] = await Promise.all([
    getJson(`${path}/draft`), getBytes(`${path}/base`), getBytes(`${path}/levels`), picture,
  ]);
  return new Opened(number, { draft, base, levels, map });
}

/** The last few values made, by key; one whose making failed is made anew. */
class Kept {
  constructor() { this._all = new Map(); }

  get(key, make) {
    const known = this._all.get(key) ?? make();
    this._all.delete(key);
    this._all.set(key, known);
    known.catch(() => this._all.get(key) === known && this._all.delete(key));
    while (this._all.size > MOST) this._all.delete(this._all.keys().next().value);
    return known;
  }

  has(key) { return this._all.has(key); }

  delete(key) { this._all.delete(key); }

  clear() { this._all.clear(); }

  get keys() { return [...this._all.keys()]; }
}

export class Work {
  constructor(writes) {
    this.writes = writes;
    this._kept = new Kept();
    this._pictures = new Kept(); // they stay when a suggestion is renewed
  }

  /** Return an image, at once if it was fetched before. */
  open(number) {
    return this._kept.get(number, () => this.writes.idle().then(() => load(number, this._picture(number))));
  }

  _picture(number) { return this._pictures.get(number, () => getBlob(`images/${number}/picture`).then(copies)); }

  /** Fetch one that will be opened soon. */
  prefetch(number) {
    if (number !== null && !this._kept.has(number)) this.open(number).catch(() => {});
  }

  get numbers() { return this._kept.keys; }

  forget(number) { this._kept.delete(number); }

  clear() {
    this._kept.clear();
    this._pictures.clear();
  }

  /** Forget what was begun from another model; the server begins it anew, unless something was done to it. */
  async renew(numbers) {
    for (const number of numbers.filter((n) => this._kept.has(n))) {
      const opened = await this.open(number).catch(() => null);
      if (!opened) this.forget(number); // what was done to it is not known
      else if (opened.isUntouched) {
        this.forget(number);
        await this.writes.send(`images/${number}/restart`, undefined, { waits: false }).catch(() => {});
      }
    }
  }
}
