// The level tool: one drag moves the outline of the lesion under the cursor along what the network thinks.
//
// A map is {width, height, data: Uint8Array}: levels of one class, 16 steps to a logit, small. It is
// stretched over the image, bilinear, as the server does for its suggestions. Pure.

import { flood, IGNORED, union } from "./mask.js";

export const PIXELS_PER_STEP = 2; // of a drag, for 1/16 of a logit

/** Where pixel `i` of `size` lies among `small` samples: the two beside it, and the weight of the second. */
function sample(i, size, small) {
  const place = Math.max(0, ((i + 0.5) * small) / size - 0.5);
  const low = Math.min(small - 1, Math.floor(place));
  return { low, high: Math.min(small - 1, low + 1), weight: place - low };
}

const samples = (from, count, size, small) => Array.from({ length: count }, (_, i) => sample(from + i, size, small));

/** The levels of all pixels of a rect of the image. */
export function levelsIn(map, mask, rect) {
  const xs = samples(rect.x, rect.w, mask.width, map.width), ys = samples(rect.y, rect.h, mask.height, map.height);
  const lows = Int32Array.from(xs, (s) => s.low), highs = Int32Array.from(xs, (s) => s.high);
  const weights = Float32Array.from(xs, (s) => s.weight), found = new Float32Array(rect.w * rect.h);
  const line = new Float32Array(map.width);
  ys.forEach((y, j) => {
    const above = y.low * map.width, below = y.high * map.width;
    for (let x = 0; x < map.width; x++) line[x] = map.data[above + x] * (1 - y.weight) + map.data[below + x] * y.weight;
    const row = j * rect.w;
    for (let i = 0; i < rect.w; i++) {
      const low = line[lows[i]];
      found[row + i] = low + (line[highs[i]] - low) * weights[i];
    }
  });
  return found;
}

/** Begin at a pixel: the region it is in, or the one that would grow from there. */
export function beginLevel(mask, map, point, value) {
  const { width, height, data } = mask;
  const x = Math.min(width - 1, Math.max(0, Math.floor(point.x)));
  const y = Math.min(height - 1, Math.max(0, Math.floor(point.y)));
  const start = y * width + x;
  const kind = data[start] && data[start] !== IGNORED ? data[start] : value, pixels = [];
  const rect = flood(width, height, start, (i) => data[i] === kind, (i) => pixels.push(i));
  if (!rect) {
    const cell = { x, y, w: 1, h: 1 };
    return { value: kind, pixels, rect: null, seed: cellOf(map, mask, x, y), level: levelsIn(map, mask, cell)[0] };
  }
  const levels = levelsIn(map, mask, rect), rim = [];
  let best = -1, seed = start;
  for (const i of pixels) {
    const px = i % width, py = (i - px) / width, level = levels[(py - rect.y) * rect.w + px - rect.x];
    if (level > best) [best, seed] = [level, i];
    if (px === 0 || py === 0 || px === width - 1 || py === height - 1) continue;
    if ([i - 1, i + 1, i - width, i + width].some((n) => data[n] !== kind)) rim.push(level);
  }
  rim.sort((a, b) => a - b);
  const sx = seed % width;
  return {
    value: kind, pixels, rect, seed: cellOf(map, mask, sx, (seed - sx) / width),
    level: rim.length ? rim[rim.length >> 1] : best,
  };
}

function cellOf(map, mask, x, y) {
  const column = Math.min(map.width - 1, Math.floor(((x + 0.5) * map.width) / mask.width));
  const row = Math.min(map.height - 1, Math.floor(((y + 0.5) * map.height) / mask.height));
  return row * map.width + column;
}

/**
 * Move the outline to another level: `begun.pixels` give way to the region around the seed whose
 * levels are above it. Other classes are kept. `before` is the mask as it was when the drag began.
 */
export function moveLevel(mask, before, map, begun, steps) {
  const level = Math.min(254.5, Math.max(0.5, begun.level - steps));
  for (const i of begun.pixels) mask.data[i] = 0;
  const reached = new Uint8Array(map.width * map.height);
  const region = flood(map.width, map.height, begun.seed, (i) => map.data[i] > level, (i) => (reached[i] = 1));
  if (!region) return begun.rect;
  const across = mask.width / map.width, down = mask.height / map.height;
  const x = Math.max(0, Math.floor((region.x - 1) * across)), y = Math.max(0, Math.floor((region.y - 1) * down));
  const rect = {
    x, y,
    w: Math.min(mask.width, Math.ceil((region.x + region.w + 1) * across)) - x,
    h: Math.min(mask.height, Math.ceil((region.y + region.h + 1) * down)) - y,
  };
  const levels = levelsIn(map, mask, rect);
  const columns = samples(rect.x, rect.w, mask.width, map.width);
  for (let j = 0; j < rect.h; j++) {
    const r = sample(rect.y + j, mask.height, map.height), row = (rect.y + j) * mask.width + rect.x;
    for (let i = 0; i < rect.w; i++) {
      if (levels[j * rect.w + i] <= level) continue;
      const c = columns[i];
      const isNear = reached[r.low * map.width + c.low] || reached[r.low * map.width + c.high]
        || reached[r.high * map.width + c.low] || reached[r.high * map.width + c.high];
      const held = before.data[row + i];
      if (isNear && (held === 0 || held === begun.value)) mask.data[row + i] = begun.value;
    }
  }
  return union(begun.rect, rect);
}
