// How the image lies on the screen: a scale and an offset. Pure.

export const LARGEST = 40; // screen pixels of one image pixel

/** The view in which the whole image is seen. */
export function fit(image, screen, margin = 12) {
  const scale = Math.min((screen.width - 2 * margin) / image.width, (screen.height - 2 * margin) / image.height);
  const known = Math.max(scale, 0.01);
  return { scale: known, x: (screen.width - image.width * known) / 2, y: (screen.height - image.height * known) / 2 };
}

export const toImage = (view, point) => ({ x: (point.x - view.x) / view.scale, y: (point.y - view.y) / view.scale });

export const toScreen = (view, point) => ({ x: point.x * view.scale + view.x, y: point.y * view.scale + view.y });

export const pan = (view, dx, dy) => ({ ...view, x: view.x + dx, y: view.y + dy });

/** Zoom by a factor; what lies under a point of the screen stays there. */
export function zoomAt(view, point, factor, smallest) {
  const scale = Math.min(LARGEST, Math.max(smallest / 2, view.scale * factor));
  const at = toImage(view, point);
  return { scale, x: point.x - at.x * scale, y: point.y - at.y * scale };
}

/** The rect of the screen that a rect of the image covers, with a margin for its outline. */
export function screenRect(view, rect, screen) {
  const a = toScreen(view, rect), b = toScreen(view, { x: rect.x + rect.w, y: rect.y + rect.h });
  const x = Math.max(0, Math.floor(a.x) - 2), y = Math.max(0, Math.floor(a.y) - 2);
  const w = Math.min(screen.width, Math.ceil(b.x) + 2) - x, h = Math.min(screen.height, Math.ceil(b.y) + 2) - y;
  return w > 0 && h > 0 ? { x, y, w, h } : null;
}
