// The page: state, canvas, list and server put together.

import { changes, events, getJson, isAway, numbered, Refused, takeOver, Writes } from "./api.js";
import { Canvas, COLOURS, LOOKS } from "./canvas.js";
import { Gestures } from "./gestures.js";
import { checksum, dropIslands, fillHoles, smooth } from "./mask.js";
import { QueueList } from "./queue.js";
import { beside, command, initial, nextTodo, reduce, TOOLS, worth } from "./state.js";
import { Work } from "./work.js";

const $ = (id) => document.getElementById(id);
const IDLE_MS = 60_000; // without a movement, nobody is looking
const SLOW_MS = 150; // from here on, it is said that an image is loaded
const RETRY_MS = 1000;
const STEP_PX = 4;
const KEY_STEPS = 8; // half a logit

class App {
  constructor() {
    this.state = initial();
    this.opened = null;
    this.writes = new Writes((state, count, why) => this._tellSaved(state, count, why), () => this._lost());
    this.work = new Work(this.writes);
    this.canvas = new Canvas($("stage"));
    this.gestures = new Gestures($("stage"), this);
    this.queue = new QueueList({ list: $("list"), filter: $("filter"), ranking: $("ranking"), note: $("order-note") },
      { open: (number) => this.open(number), choose: (filter) => this.dispatch({ type: "filtered", filter }), rank: (name) => this.rank(name) });
    this._active = performance.now();
    this._wire();
  }

  async start() {
    try {
      await this.refresh();
    } catch (error) {
      const isToken = error instanceof Refused && error.status === 401;
      this.banner(isToken ? "This address lacks the token: open the one that the terminal shows." : error.message);
      return;
    }
    this._listen();
    const first = this.state.order.find((n) => this.state.images[n].status === "draft")
      ?? nextTodo(this.state) ?? this.state.order[0];
    await this.open(first);
  }

  dispatch(event) {
    this.state = reduce(this.state, event);
    this.render();
  }

  /** Ask for the state when all is sent, and again if something was meanwhile: it would be of before. */
  async refresh() {
    let state, count;
    do {
      await this.writes.idle();
      ({ count } = this.writes);
      state = await getJson("state");
    } while (count !== this.writes.count);
    if (!this._isOurs(state)) return;
    numbered(this._numbering = state.numbering);
    this.dispatch({ type: "loaded", state });
  }

  /** Whether the server means by its numbers the images that this page means; else that is said. */
  _isOurs({ numbering }) {
    if (this._numbering === undefined || numbering === this._numbering) return true;
    this.state = { ...this.state, holds: false };
    this.banner("The folder has other images since the server was started anew.", "Reload", () => location.reload());
    this.render();
    return false;
  }

  // ---- images

  async open(number) {
    this.gestures.cancel();
    this._opensNothing();
    this.opened = null; // nothing is done to an image before it is shown
    if (number === null || number === undefined) {
      this._nothingLeft();
      return;
    }
    const opening = this._opening = setTimeout(() => this._showEmpty("Loading…"), SLOW_MS);
    this._showQueue(false);
    this.dispatch({ type: "opened", number });
    this.queue.reveal(number);
    const isWanted = () => this._opening === opening;
    try {
      const opened = await this._fetch(number, isWanted);
      if (isWanted()) this._show(opened);
    } catch (error) {
      if (isWanted()) this._showEmpty(`${error.message}\nPress S to skip this image.`);
    }
    if (isWanted()) this._opensNothing();
  }

  /** Ask for an image until the server gives it; null if another is wanted before. */
  async _fetch(number, isWanted) {
    while (isWanted()) {
      try {
        return await this.work.open(number);
      } catch (error) {
        if (!isAway(error)) throw error;
        if (!isWanted()) break;
        clearTimeout(this._opening);
        this._showEmpty(AWAY);
        await new Promise((done) => setTimeout(done, RETRY_MS));
      }
    }
    return null;
  }

  _opensNothing() {
    clearTimeout(this._opening);
    this._opening = null;
  }

  _show(opened) {
    this.opened = opened;
    this.gestures.cursor = null;
    $("empty").hidden = true;
    this.canvas.show(opened);
    this.say(opened.begunFrom === "suggestion" ? "The model suggests this mask" : "");
    this.render();
    document.documentElement.dataset.opened = String(opened.number);
    this._prefetch(opened.number);
  }

  _prefetch(number) {
    const next = nextTodo(this.state, number);
    this.work.prefetch(next);
    this.work.prefetch(nextTodo(this.state, number, next));
  }

  _nothingLeft() {
    this._showEmpty("All images are done, skipped or set aside.\nRetrain, or open one from the list.");
    this.dispatch({ type: "opened", number: null });
  }

  _showEmpty(text) {
    this.canvas.show(null);
    $("empty").textContent = text;
    $("empty").hidden = false;
    this.render();
  }

  // ---- what a person does

  commit(tool, rect) {
    const { opened } = this, stroke = opened.history.commit(tool, rect);
    if (!stroke) return;
    this._save(`images/${opened.number}/stroke`, { ...stroke, seconds: opened.seconds, base_crc: opened.baseCrc });
    const before = this.state.images[opened.number].status;
    this._setStatus(opened.number, before === "done" || before === "editing" ? "editing" : before === "todo" ? "draft" : before);
  }

  wholeMask(tool) {
    if (!this.opened) return;
    const { mask } = this.opened;
    const radius = Math.max(1, Math.round(Math.max(mask.width, mask.height) / 200));
    const rect = { holes: fillHoles, islands: dropIslands, smooth: (m) => smooth(m, radius) }[tool](mask);
    this.canvas.changed(rect);
    this.commit(tool, rect);
  }

  history(direction) {
    if (!this.opened) return;
    const rect = this.opened.history[direction]();
    if (!rect) return;
    this.canvas.changed(rect);
    this._save(`images/${this.opened.number}/cursor`, { cursor: this.opened.history.cursor, seconds: this.opened.seconds });
    this.render();
  }

  accept() {
    const { opened } = this;
    if (!opened || !this.state.holds) return;
    const { number } = opened, crc = checksum(opened.history.mask);
    this._save(`images/${number}/accept`, { crc, seconds: opened.seconds }).then((isDone) => isDone && this._soon());
    this.work.forget(number);
    this._setStatus(number, "done", "");
    this.open(nextTodo(this.state, number));
  }

  /** Whether what is open may be set aside; also one that cannot be shown, not one that is still to be. */
  get _mayMark() { return this.state.current !== null && this.state.holds && !this._opening; }

  skip() { if (this._mayMark) this._mark(this.state.current, "skipped"); }

  /** Another image may have been opened while the note was written: a mask that was refused. */
  _mark(number, mark, note = "") {
    this._save(`images/${number}/mark`, { mark, note });
    this._setStatus(number, mark, note);
    if (number === this.state.current) this.open(nextTodo(this.state, number));
  }

  ask() {
    if (!this._mayMark) return;
    $("note").value = this.state.images[this.state.current].note;
    $("ask").returnValue = "";
    this._asked = this.state.current;
    $("ask").showModal();
  }

  restart() {
    const { opened } = this;
    if (!opened || opened.isUntouched || !confirm("Throw away all strokes on this image?")) return;
    this.work.forget(opened.number);
    this._save(`images/${opened.number}/restart`).then(() => this._soon());
    this.open(opened.number);
  }

  resize(factor) { this.dispatch({ type: "radius", radius: this.state.radius * factor }); }

  outline() {
    this.canvas.look = LOOKS[(LOOKS.indexOf(this.canvas.look) + 1) % LOOKS.length];
    this.canvas.repaint();
    this.say({ both: "Outline and fill", outline: "Outline alone", none: "The mask is hidden" }[this.canvas.look]);
  }

  async retrain() {
    if (!this.state.holds) return;
    const isRunning = this.state.job.state === "running";
    if (await this._save(isRunning ? "retrain/stop" : "retrain")) this._soon();
  }

  /** Another order of the images; what nobody touched makes room for the first of it. */
  async rank(ranking) {
    if (!await this._save("ranking", { ranking })) return;
    await this.refresh();
    if (this.opened?.isUntouched && !this.gestures.isBusy) await this.open(nextTodo(this.state));
  }

  say(text) { $("hint").textContent = text || TOOLS[this.state.tool].hint; }

  // ---- the server

  /** Send a write; whether it was done. What the server will not have is said, and the image fetched anew. */
  async _save(path, body) {
    const said = this._refusal;
    try {
      await this.writes.send(path, body);
      if (said && said === this._refusal) this.banner("");
      return true;
    } catch (error) {
      if (error.status === 409) this._lost();
      else if (error.status === 410) this._isOurs({});
      else if (error.status !== 0) {
        const number = path.startsWith("images/") ? Number(path.split("/")[1]) : null;
        if (number !== null && this.opened?.number !== number) this.gestures.finish(); // it is of another image
        this.banner(error.message);
        this._refusal = error; // until a later write is saved
        if (number !== null) await this._again(number);
      }
      return false;
    }
  }

  async _again(number) {
    this.work.forget(number);
    await this.open(number);
    await this.refresh().catch(() => {});
  }

  _soon() {
    clearTimeout(this._refreshing);
    this._refreshing = setTimeout(() => this.refresh().catch(() => {}), 60);
  }

  _setStatus(number, status, note) { this.dispatch({ type: "status", number, status, note }); }

  _listen() {
    const source = events();
    source.onmessage = async ({ data }) => {
      const news = JSON.parse(data), { version, job, numLooks, model, holds } = this.state, wasAway = this._isAway;
      this._isAway = false;
      if (!this._isOurs(news)) return;
      this.dispatch({ type: "news", news });
      if (!news.holds) this._lost();
      else if (!holds) await this._regained();
      else if (wasAway && !this._refusal) this.banner("");
      if (!news.holds && this.writes.waiting) return; // the server knows less than is shown
      const isNews = news.version !== version || news.job.state !== job.state || news.num_looks !== numLooks;
      if (isNews) await this.refresh();
      if (this.state.model !== model && this.state.holds) await this._renewed();
    };
    source.onerror = () => {
      this._isAway = true;
      if (!this._refusal) this.banner("The server does not answer. What you draw waits here until it does.");
      if (source.readyState === EventSource.CLOSED) setTimeout(() => this._listen(), RETRY_MS); // after an answer like 502
    };
  }

  /** Another model is there: what nobody touched begins anew from it, the open image first. */
  async _renewed() {
    const { current } = this.state, others = this.work.numbers.filter((other) => other !== current);
    const isFree = this.opened ? this.opened.isUntouched && !this.gestures.isBusy : current !== null;
    if (isFree) {
      await this.work.renew([current]);
      if (this.state.current === current) await this.open(current);
    }
    await this.work.renew(others);
    if (this.opened) this._prefetch(this.opened.number);
  }

  _lost() {
    this.state = { ...this.state, holds: false };
    const { waiting } = this.writes;
    this.banner(`This folder is open in another tab or browser.${waiting ? keptHere(waiting) : ""}`, "Work here", () => this._takeOver().catch(() => {}));
    this.render();
  }

  async _takeOver() {
    await takeOver();
    if (!this.state.holds) await this._regained(); // else the news were faster
  }

  /** This tab holds the folder again: another may have changed what is kept here. */
  async _regained() {
    this.banner("");
    this.state = { ...this.state, holds: true };
    this.work.clear();
    this.writes.resume();
    if (this.state.current !== null) await this.open(this.state.current);
    await this.refresh();
    if (this.state.current === null) await this.open(nextTodo(this.state));
  }

  banner(text, label = "", action = null) {
    this._refusal = null;
    $("banner").hidden = !text;
    $("banner-text").textContent = text;
    $("banner-action").hidden = !label;
    $("banner-action").textContent = label;
    $("banner-action").onclick = action;
  }

  _tellSaved(state, count, why) {
    $("saved").dataset.state = state;
    $("saved").textContent = { saved: "Saved", saving: "Saving…", waiting: why || `${changes(count)} not saved yet` }[state];
  }

  // ---- what is shown

  render() {
    if (this._rendering) return;
    this._rendering = true;
    queueMicrotask(() => {
      this._rendering = false;
      this.queue.render(this.state);
      this._renderHead();
      this._renderTools();
      this._renderWorth();
      this._renderLearn();
    });
  }

  _renderHead() {
    const { images, today, medianSeconds, current, data } = this.state;
    const done = images.filter((i) => i.status === "done" || i.status === "editing").length;
    $("title").textContent = data ?? "Crosslevel";
    document.title = data ? `${done}/${images.length} ${data}` : "Crosslevel";
    const pace = medianSeconds === null ? "" : ` · ${Math.round(medianSeconds)} s an image`;
    $("figures").textContent = images.length ? `${done} of ${images.length} done · ${today} today${pace}` : "";
    $("name").textContent = current === null ? "" : images[current].name;
    $("stage").setAttribute("aria-label", current === null ? "No image" : `${images[current].name}, image and mask`);
  }

  _renderTools() {
    const { state, opened } = this, isOpen = opened !== null && state.holds;
    $("stage").dataset.tool = state.tool;
    for (const button of $("tools").children) {
      button.setAttribute("aria-pressed", String(button.dataset.tool === state.tool));
      button.disabled = !isOpen || (button.dataset.tool === "level" && !opened.maps);
    }
    for (const button of document.querySelectorAll("[data-do], #accept")) button.disabled = !isOpen;
    for (const id of ["skip", "unsure"]) $(id).disabled = !this._mayMark;
    $("undo").disabled = !isOpen || !opened.history.canUndo;
    $("redo").disabled = !isOpen || !opened.history.canRedo;
    $("restart").disabled = !isOpen || opened.isUntouched;
    $("size").value = String(Math.round(20 * Math.log2(state.radius * 2)) / 2);
    $("size-out").textContent = `${Math.round(2 * state.radius)} px`;
    this._renderClasses();
  }

  /** What a person has before them: a suggestion and what it is worth, or nothing yet. */
  _renderWorth() {
    const { state, opened } = this;
    const words = opened?.begunFrom === "suggestion" ? worth(state.images[opened.number].said)?.words
      : opened?.begunFrom === "from_scratch" && !opened.history.canUndo ? (state.isLoading ? LOADING : NOTHING_YET) : "";
    $("worth").hidden = !words;
    $("worth").textContent = words ?? "";
  }

  _renderClasses() {
    const { classes, value } = this.state, box = $("classes");
    if (classes.length < 2) return;
    if (box.children.length !== classes.length) {
      box.replaceChildren(...classes.map((name, index) => {
        const button = document.createElement("button"), colour = COLOURS[index % COLOURS.length];
        button.setAttribute("role", "radio");
        button.innerHTML = `<i style="background: rgb(${colour})"></i><span></span><kbd>${index + 1}</kbd>`;
        button.querySelector("span").textContent = name;
        button.title = name;
        button.onclick = () => this.dispatch({ type: "value", value: index + 1 });
        return button;
      }));
    }
    [...box.children].forEach((button, index) => button.setAttribute("aria-checked", String(index + 1 === value)));
  }

  _renderLearn() {
    const { job, canTrain, model, isLoading, modelNote, holds, numLooks, images } = this.state, isRunning = job.state === "running";
    $("learn").dataset.state = job.state;
    $("learn-progress").hidden = !isRunning;
    $("learn-progress").value = job.progress ?? 0;
    $("retrain").firstChild.data = isRunning ? "Stop " : "Retrain ";
    $("retrain").disabled = !holds || !(canTrain || isRunning);
    $("learn-note").textContent = isRunning || job.state === "failed" || job.state === "stopped" ? job.note
      : isLoading && !model ? LOADING : modelNote || (job.state === "done" ? moved(job) : !canTrain ? "With three masks or more, the network can learn."
        : !model ? "No model yet. Retrain to get suggestions."
          : numLooks < images.length ? `The model looks at the images: ${numLooks} of ${images.length}` : `Suggestions come from the model “${model.split(":")[0]}”.`);
  }

  // ---- events of the page

  _wire() {
    for (const [name, { label, key }] of Object.entries(TOOLS)) {
      const button = document.createElement("button");
      button.dataset.tool = name;
      button.setAttribute("aria-keyshortcuts", key.toUpperCase());
      button.append(label, Object.assign(document.createElement("kbd"), { textContent: key.toUpperCase() }));
      button.onclick = () => this.run(`tool:${name}`);
      $("tools").append(button);
    }
    for (const button of document.querySelectorAll("[data-do]")) button.onclick = () => this.run(button.dataset.do);
    for (const id of ["accept", "skip", "unsure", "retrain", "fit"]) $(id).onclick = () => this.run(id);
    $("zoom-in").onclick = () => this.run("zoomIn");
    $("zoom-out").onclick = () => this.run("zoomOut");
    $("show-help").onclick = () => this.run("help");
    $("show-queue").onclick = () => this._showQueue(document.body.dataset.queue !== "open");
    $("size").oninput = () => this.dispatch({ type: "radius", radius: 2 ** (Number($("size").value) / 10) / 2 });
    $("ask").onclose = () => $("ask").returnValue === "unsure" && this._mark(this._asked, "unsure", $("note").value.trim());
    $("keys").innerHTML = KEYS.map(([key, what]) => `<dt><kbd>${key}</kbd></dt><dd>${what}</dd>`).join("");
    addEventListener("keydown", (event) => this._key(event));
    addEventListener("beforeunload", (event) => this.writes.waiting && event.preventDefault()); // it would be lost
    for (const name of ["pointermove", "keydown", "wheel"]) addEventListener(name, () => (this._active = performance.now()), { passive: true });
    setInterval(() => {
      const isLooking = !document.hidden && performance.now() - this._active < IDLE_MS;
      if (this.opened && isLooking) this.opened.seconds += 0.5;
    }, 500);
  }

  _showQueue(opens) {
    document.body.dataset.queue = opens ? "open" : "";
    $("show-queue").setAttribute("aria-expanded", String(opens));
    if (opens) $("list").focus();
  }

  _key(event) {
    const { target } = event, isTyping = target.matches("textarea, select, input") || document.querySelector("dialog[open]");
    const isButton = target.matches("button") && (event.key === " " || event.key === "Enter");
    if (isTyping || isButton || event.altKey) return;
    const name = command({ key: event.key, ctrl: event.ctrlKey || event.metaKey, shift: event.shiftKey });
    if (!name) return;
    event.preventDefault();
    this.run(name, event.shiftKey, target);
  }

  run(name, isFar = false, target = null) {
    const [kind, value] = name.split(":");
    if (kind === "tool") {
      this.gestures.cancel();
      this.dispatch({ type: "tool", tool: value });
      this.say("");
    } else if (kind === "class") this.dispatch({ type: "value", value: Number(value) });
    else if (kind in MOVES && target === $("list")) this._choose(MOVES[kind][1]);
    else if (kind in MOVES && this.opened) {
      const step = STEP_PX * (isFar ? 8 : 1);
      this.gestures.step(MOVES[kind][0] * step, MOVES[kind][1] * step);
    } else this._do(kind);
  }

  _choose(step) {
    const number = step ? beside(this.state, step) : null; // none where the list shows nothing
    if (number !== null) this.open(number);
  }

  _do(name) {
    const { gestures, canvas } = this, isOpen = this.opened !== null && this.state.holds;
    const always = {
      skip: () => this.skip(), unsure: () => this.ask(), retrain: () => this.retrain(),
      next: () => this._choose(1), previous: () => this._choose(-1), help: () => $("help").showModal(),
      smaller: () => this.resize(0.8), larger: () => this.resize(1.25), outline: () => this.outline(),
      cancel: () => { gestures.cancel(); this._showQueue(false); },
    };
    const onImage = {
      accept: () => {
        gestures.finish(); // what is half drawn is of the mask
        return gestures.corners.length ? gestures.closePolygon() : this.accept();
      },
      undo: () => this.history("undo"), redo: () => this.history("redo"), restart: () => this.restart(),
      holes: () => this.wholeMask("holes"), islands: () => this.wholeMask("islands"), smooth: () => this.wholeMask("smooth"),
      zoomIn: () => canvas.zoom(1.25), zoomOut: () => canvas.zoom(0.8), fit: () => canvas.fit(),
      press: () => gestures.press(), grow: () => gestures.nudge(KEY_STEPS), shrink: () => gestures.nudge(-KEY_STEPS),
    };
    if (name in always) always[name]();
    else if (isOpen) onImage[name]();
  }
}

const LOADING = "The model is being loaded. Its suggestions come in a moment.";
const AWAY = "The server does not answer.\nThe image is shown when it does.";
const NOTHING_YET = "No suggestion. Draw the mask; accepted empty, it says that nothing is there.";
const MOVES = { up: [0, -1], down: [0, 1], left: [-1, 0], right: [1, 0] };
const KEYS = [
  ["↵ A", "accept"], ["S", "skip"], ["U", "ask a colleague"], ["J K", "next, previous image"],
  ...Object.values(TOOLS).map(({ key, label }) => [key.toUpperCase(), label.toLowerCase()]),
  ["[ ]", "smaller, larger brush"], [", .", "shrink, grow along the network"], ["1 – 9", "class"],
  ["F I M", "fill holes, drop islands, smooth"], ["Z Y", "undo, redo"], ["X", "start over"], ["O", "show or hide the mask"],
  ["+ − 0", "zoom in, out, whole image"], ["Arrows", "move the cursor, Shift: far"], ["Space", "draw or set a corner there"],
  ["R", "retrain"], ["Esc", "cancel"],
];

const keptHere = (count) =>
  ` ${changes(count)} made here ${count === 1 ? "waits, and is" : "wait, and are"} saved if you work here.`;

function moved(job) {
  if (job.after === null) return job.note;
  const of = ` (Dice of ${job.scored_on})`;
  if (job.before === null) return `Score ${job.after.toFixed(1)}${of}`;
  return `Score ${job.before.toFixed(1)} → ${job.after.toFixed(1)}${of}`;
}

const app = new App();
globalThis.crosslevel = app; // for tests, and for whoever looks
app.start();
