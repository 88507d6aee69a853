// The state machine of the page: which image is open, what comes next, what a key means. Pure.

export const FILTERS = {
  all: { label: "All", has: () => true },
  todo: { label: "To do", has: (s) => s === "todo" || s === "draft" },
  done: { label: "Done", has: (s) => s === "done" || s === "editing" },
  unsure: { label: "Ask a colleague", has: (s) => s === "unsure" },
  skipped: { label: "Skipped", has: (s) => s === "skipped" },
};

export const STATUS = {
  todo: { mark: "○", label: "to do" },
  draft: { mark: "◐", label: "begun" },
  done: { mark: "●", label: "done" },
  editing: { mark: "◑", label: "done, being changed" },
  unsure: { mark: "?", label: "ask a colleague" },
  skipped: { mark: "–", label: "skipped" },
};

export const TOOLS = {
  level: { key: "l", label: "Level", hint: "Drag right or up to grow the lesion, left or down to shrink it" },
  brush: { key: "b", label: "Brush", hint: "Paint; the wheel changes the size" },
  eraser: { key: "e", label: "Eraser", hint: "Remove; the wheel changes the size" },
  polygon: { key: "p", label: "Polygon", hint: "Click corners; Enter or a double click closes it, Esc takes it back" },
  hand: { key: "h", label: "Move", hint: "Drag the picture; the wheel zooms" },
};

const WORTH = [
  [0.9, "hardly anything to mend"], [0.75, "edges to mend"], [0.5, "parts to redraw"], [0, "mostly wrong"],
];
const percent = (share) => `${Math.round(100 * share)} %`;

/** What a person may expect of a suggestion: a short figure, and a sentence; null before the model looked. */
export function worth(said) {
  if (!said) return null;
  const { sureness: share, doubt_from: doubtFrom, is_empty: isEmpty } = said, much = percent(share);
  if (doubtFrom === "confidence") {
    return { share, figure: `sure ${much}`, words: `The model is ${much} sure: its own word, and often too high.` };
  }
  if (isEmpty) {
    return { share, figure: `empty ${much}`, words: `Nothing found; in about ${much} of such images nothing is there.` };
  }
  const work = WORTH.find(([least]) => share >= least)[1];
  return { share, figure: `Dice ${much}`, words: `Expected overlap with your mask (Dice) ${much}: ${work}.` };
}

export const RANKINGS = {
  random: "Random", uncertainty: "Least sure first", diversity: "Newest to the model first", both: "Least sure and new first",
};

/** What the chosen order is made from, in words; "" where its name says it. */
export function orderWords({ ranking, wanted, doubtFrom }) {
  if (ranking !== wanted) return "Random until a model has seen all images";
  if (ranking !== "uncertainty" && ranking !== "both") return "";
  return `Sure by ${doubtFrom === "expected_dice" ? "expected Dice" : "its own confidence"}`;
}

export const initial = () => ({
  images: [], order: [], classes: [], current: null, filter: "all", tool: "brush", radius: 12, value: 1,
  holds: true, today: 0, medianSeconds: null, model: "", isLoading: false, modelNote: "", ranking: "random", wanted: "random", doubtFrom: "", version: -1, job: { state: "idle" },
});

/** Numbers of the images that the queue lists. */
export const listed = (state) => state.order.filter((n) => FILTERS[state.filter].has(state.images[n].status));

/** The image to do next: the first of the order that is not done, nor among `others`; null if there is none. */
export const nextTodo = (state, ...others) =>
  state.order.find((n) => FILTERS.todo.has(state.images[n].status) && !others.includes(n)) ?? null;

/** The image beside one in the list as it is shown. */
export function beside(state, step) {
  const shown = listed(state), place = shown.indexOf(state.current);
  if (!shown.length) return null;
  return shown[Math.min(shown.length - 1, Math.max(0, place < 0 ? 0 : place + step))];
}

/** The state after something happened; `event.type` says what. */
export function reduce(state, event) {
  switch (event.type) {
    case "loaded": {
      const s = event.state;
      return {
        ...state, images: s.images, order: s.order, classes: s.classes, today: s.today, job: s.job,
        medianSeconds: s.median_seconds, model: s.model, ranking: s.ranking, wanted: s.wanted, doubtFrom: s.doubt_from, version: s.version,
        canTrain: s.can_train, isLoading: s.is_loading, modelNote: s.model_note, who: s.who, data: s.data,
        current: state.current !== null && state.current < s.images.length ? state.current : null,
      };
    }
    case "opened": return { ...state, current: event.number };
    case "filtered": return { ...state, filter: event.filter };
    case "tool": return { ...state, tool: event.tool };
    case "radius": return { ...state, radius: Math.min(500, Math.max(0.5, event.radius)) };
    case "value": return event.value >= 1 && event.value <= state.classes.length ? { ...state, value: event.value } : state;
    case "status": return {
      ...state,
      images: state.images.map((image, n) => (n === event.number ? { ...image, status: event.status, note: event.note ?? image.note } : image)),
    };
    case "news": return { ...state, holds: event.news.holds, job: event.news.job, numLooks: event.news.num_looks };
    default: return state;
  }
}

const PLAIN = {
  Enter: "accept", a: "accept", s: "skip", u: "unsure", z: "undo", y: "redo", f: "holes", i: "islands", m: "smooth",
  j: "next", k: "previous", "[": "smaller", "]": "larger", "+": "zoomIn", "=": "zoomIn", "-": "zoomOut", 0: null,
  o: "outline", r: "retrain", "?": "help", Escape: "cancel", x: "restart",
  ArrowUp: "up", ArrowDown: "down", ArrowLeft: "left", ArrowRight: "right", " ": "press", ",": "shrink", ".": "grow",
  Home: "fit",
};
for (const [name, { key }] of Object.entries(TOOLS)) PLAIN[key] = `tool:${name}`;

/** What a key asks for, "" for nothing: `key`, `ctrl` (or ⌘) and `shift` as the browser says them. */
export function command({ key, ctrl = false, shift = false }) {
  const small = key.length === 1 ? key.toLowerCase() : key;
  if (ctrl) return small === "z" ? (shift ? "redo" : "undo") : small === "y" ? "redo" : "";
  if (/^[1-9]$/.test(key)) return `class:${key}`;
  if (key === "0") return "fit";
  return PLAIN[small] || "";
}
