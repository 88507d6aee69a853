// Pixels of a mask: what tools do to class indices. Pure; nothing here knows of a page.
//
// A mask is {width, height, data: Uint8Array}, row by row. A rect is {x, y, w, h} in pixels.

export const IGNORED = 255;

export const makeMask = (width, height, data = new Uint8Array(width * height)) => ({ width, height, data });

export const whole = (mask) => ({ x: 0, y: 0, w: mask.width, h: mask.height });

/** The smallest rect around two; either may be null. */
export function union(a, b) {
  if (!a || !b) return a || b;
  const x = Math.min(a.x, b.x), y = Math.min(a.y, b.y);
  return { x, y, w: Math.max(a.x + a.w, b.x + b.w) - x, h: Math.max(a.y + a.h, b.y + b.h) - y };
}

function clipped(mask, left, top, right, bottom) {
  const x = Math.max(0, Math.floor(left)), y = Math.max(0, Math.floor(top));
  const w = Math.min(mask.width, Math.ceil(right)) - x, h = Math.min(mask.height, Math.ceil(bottom)) - y;
  return w > 0 && h > 0 ? { x, y, w, h } : null;
}

/** Draw the way of a round brush from one point to another; pixels whose centres it covers. */
export function brush(mask, from, to, radius, value) {
  const r = Math.max(0.5, radius);
  const rect = clipped(mask, Math.min(from.x, to.x) - r, Math.min(from.y, to.y) - r,
    Math.max(from.x, to.x) + r + 1, Math.max(from.y, to.y) + r + 1);
  if (!rect) return null;
  const dx = to.x - from.x, dy = to.y - from.y, length = dx * dx + dy * dy, near = r * r;
  for (let y = rect.y; y < rect.y + rect.h; y++) {
    const row = y * mask.width, py = y + 0.5 - from.y;
    for (let x = rect.x; x < rect.x + rect.w; x++) {
      const px = x + 0.5 - from.x;
      const t = length ? Math.min(1, Math.max(0, (px * dx + py * dy) / length)) : 0;
      const ex = px - t * dx, ey = py - t * dy;
      if (ex * ex + ey * ey <= near) mask.data[row + x] = value;
    }
  }
  return rect;
}

/** Fill a polygon, even-odd; pixels whose centres lie inside. */
export function polygon(mask, points, value) {
  if (points.length < 3) return null;
  const xs = points.map((p) => p.x), ys = points.map((p) => p.y);
  const rect = clipped(mask, Math.min(...xs), Math.min(...ys), Math.max(...xs) + 1, Math.max(...ys) + 1);
  if (!rect) return null;
  for (let y = rect.y; y < rect.y + rect.h; y++) {
    const crossings = [];
    points.forEach((a, i) => {
      const b = points[(i + 1) % points.length], middle = y + 0.5;
      if (a.y <= middle !== b.y <= middle) crossings.push(a.x + ((middle - a.y) / (b.y - a.y)) * (b.x - a.x));
    });
    crossings.sort((a, b) => a - b);
    for (let i = 0; i + 1 < crossings.length; i += 2) {
      const start = Math.max(rect.x, Math.ceil(crossings[i] - 0.5));
      const end = Math.min(rect.x + rect.w, Math.ceil(crossings[i + 1] - 0.5));
      if (end > start) mask.data.fill(value, y * mask.width + start, y * mask.width + end);
    }
  }
  return rect;
}

/** The rect in which two masks differ, looked for in `where`; null if they do not. */
export function difference(before, after, where) {
  let left = Infinity, top = Infinity, right = -1, bottom = -1;
  for (let y = where.y; y < where.y + where.h; y++) {
    const row = y * after.width;
    for (let x = where.x; x < where.x + where.w; x++) {
      if (before.data[row + x] !== after.data[row + x]) {
        if (x < left) left = x;
        if (x > right) right = x;
        if (y < top) top = y;
        bottom = y;
      }
    }
  }
  return right < 0 ? null : { x: left, y: top, w: right - left + 1, h: bottom - top + 1 };
}

/** A rect of a mask as the server reads it: lengths of equal values, row by row. */
export function encode(mask, rect) {
  const runs = [];
  let value = -1, length = 0;
  for (let y = rect.y; y < rect.y + rect.h; y++) {
    const row = y * mask.width;
    for (let x = rect.x; x < rect.x + rect.w; x++) {
      const found = mask.data[row + x];
      if (found === value) length++;
      else {
        if (length) runs.push(value, length);
        value = found;
        length = 1;
      }
    }
  }
  runs.push(value, length);
  return { ...rect, runs };
}

/** Write what `encode` made into a mask. */
export function apply(mask, patch) {
  let x = patch.x, y = patch.y;
  const right = patch.x + patch.w;
  for (let i = 0; i < patch.runs.length; i += 2) {
    let length = patch.runs[i + 1];
    while (length > 0) {
      const step = Math.min(length, right - x);
      mask.data.fill(patch.runs[i], y * mask.width + x, y * mask.width + x + step);
      length -= step;
      x += step;
      if (x === right) {
        x = patch.x;
        y++;
      }
    }
  }
  return { x: patch.x, y: patch.y, w: patch.w, h: patch.h };
}

/** Copy a rect from one mask to another of the same size. */
export function copyRect(from, to, rect) {
  for (let y = rect.y; y < rect.y + rect.h; y++) {
    const start = y * from.width + rect.x;
    to.data.set(from.data.subarray(start, start + rect.w), start);
  }
}

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n >>> 0;
});

/** CRC-32 of all pixels, by which the server knows that it holds what is shown. */
export function checksum(mask) {
  let crc = 0xffffffff;
  for (const byte of mask.data) crc = TABLE[(crc ^ byte) & 255] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** The rect around all pixels of any class, widened by a margin; null if there is none. */
export function extent(mask, margin = 0) {
  const empty = makeMask(mask.width, mask.height, EMPTY.get(mask.data.length));
  const rect = difference(empty, mask, whole(mask));
  if (!rect) return null;
  return clipped(mask, rect.x - margin, rect.y - margin, rect.x + rect.w + margin, rect.y + rect.h + margin);
}

const EMPTY = {
  size: 0,
  data: null,
  get(size) {
    if (this.size !== size) [this.size, this.data] = [size, new Uint8Array(size)];
    return this.data;
  },
};

/** Pixels connected with one (by their sides), where `is(index)` holds: their rect, and each call of `visit`. */
export function flood(width, height, start, is, visit, seen = new Uint8Array(width * height)) {
  if (!is(start) || seen[start]) return null;
  const stack = [start];
  seen[start] = 1;
  let left = width, top = height, right = -1, bottom = -1, count = 0;
  const push = (index) => {
    if (!seen[index] && is(index)) {
      seen[index] = 1;
      stack.push(index);
    }
  };
  while (stack.length) {
    const index = stack.pop(), x = index % width, y = (index - x) / width;
    visit(index);
    count++;
    if (x < left) left = x;
    if (x > right) right = x;
    if (y < top) top = y;
    if (y > bottom) bottom = y;
    if (x > 0) push(index - 1);
    if (x < width - 1) push(index + 1);
    if (y > 0) push(index - width);
    if (y < height - 1) push(index + width);
  }
  return { x: left, y: top, w: right - left + 1, h: bottom - top + 1, count };
}

/** Fill background that a class encloses with the class of its rim. */
export function fillHoles(mask) {
  const rect = extent(mask);
  if (!rect) return null;
  const { width, height, data } = mask, seen = new Uint8Array(data.length);
  const isFree = (i) => data[i] === 0;
  const edge = clipped(mask, rect.x - 1, rect.y - 1, rect.x + rect.w + 1, rect.y + rect.h + 1);
  const inside = (i) => {
    const x = i % width, y = (i - x) / width;
    return isFree(i) && x >= edge.x && y >= edge.y && x < edge.x + edge.w && y < edge.y + edge.h;
  };
  const outer = (x, y) => flood(width, height, y * width + x, inside, () => {}, seen);
  for (let x = edge.x; x < edge.x + edge.w; x++) [edge.y, edge.y + edge.h - 1].forEach((y) => outer(x, y));
  for (let y = edge.y; y < edge.y + edge.h; y++) [edge.x, edge.x + edge.w - 1].forEach((x) => outer(x, y));
  for (let y = rect.y; y < rect.y + rect.h; y++) {
    for (let x = rect.x; x < rect.x + rect.w; x++) {
      const index = y * width + x;
      if (!isFree(index) || seen[index]) continue;
      const rim = data[index - 1];
      const found = [];
      flood(width, height, index, isFree, (i) => found.push(i), seen);
      for (const i of found) data[i] = rim;
    }
  }
  return rect;
}

/** Remove pieces of each class that are smaller than a share of its largest piece. */
export function dropIslands(mask, share = 0.1) {
  const rect = extent(mask);
  if (!rect) return null;
  const { width, height, data } = mask, seen = new Uint8Array(data.length), pieces = [];
  for (let y = rect.y; y < rect.y + rect.h; y++) {
    for (let x = rect.x; x < rect.x + rect.w; x++) {
      const start = y * width + x, value = data[start];
      if (!value || value === IGNORED || seen[start]) continue;
      const { count } = flood(width, height, start, (i) => data[i] === value, () => {}, seen);
      pieces.push({ start, value, count });
    }
  }
  const largest = new Map();
  for (const p of pieces) largest.set(p.value, Math.max(p.count, largest.get(p.value) || 0));
  for (const p of pieces) {
    if (p.count >= share * largest.get(p.value)) continue;
    const found = [];
    flood(width, height, p.start, (i) => data[i] === p.value, (i) => found.push(i));
    for (const i of found) data[i] = 0;
  }
  return rect;
}

/** Let each pixel be of a class where most of the square around it is. */
export function smooth(mask, radius) {
  const rect = extent(mask, radius + 1);
  if (!rect) return null;
  const { width, data } = mask;
  const classes = new Set();
  for (let y = rect.y; y < rect.y + rect.h; y++)
    for (let x = rect.x; x < rect.x + rect.w; x++) classes.add(data[y * width + x]);
  const before = data.slice();
  for (const value of [...classes].filter((v) => v !== 0 && v !== IGNORED)) {
    const sums = new Uint32Array((rect.w + 1) * (rect.h + 1)), step = rect.w + 1;
    for (let y = 0; y < rect.h; y++) {
      let row = 0;
      for (let x = 0; x < rect.w; x++) {
        row += before[(y + rect.y) * width + x + rect.x] === value ? 1 : 0;
        sums[(y + 1) * step + x + 1] = sums[y * step + x + 1] + row;
      }
    }
    for (let y = 0; y < rect.h; y++) {
      for (let x = 0; x < rect.w; x++) {
        const l = Math.max(0, x - radius), r = Math.min(rect.w, x + radius + 1);
        const t = Math.max(0, y - radius), b = Math.min(rect.h, y + radius + 1);
        const inside = sums[b * step + r] - sums[t * step + r] - sums[b * step + l] + sums[t * step + l];
        const index = (y + rect.y) * width + x + rect.x, many = 2 * inside > (r - l) * (b - t);
        if (many && before[index] === 0) data[index] = value;
        else if (!many && before[index] === value) data[index] = 0;
      }
    }
  }
  return rect;
}
