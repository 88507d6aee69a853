// The list of images on the left.

import { address } from "./api.js";
import { FILTERS, listed, orderWords, RANKINGS, STATUS, worth } from "./state.js";

export class QueueList {
  constructor({ list, filter, ranking, note }, { open, choose, rank }) {
    this.list = list;
    this.filter = filter;
    this.ranking = ranking;
    this.note = note;
    this._rows = new Map();
    for (const [name, { label }] of Object.entries(FILTERS)) filter.add(new Option(label, name));
    filter.addEventListener("change", () => choose(filter.value));
    for (const [name, label] of Object.entries(RANKINGS)) ranking.add(new Option(label, name));
    ranking.addEventListener("change", () => rank(ranking.value));
    list.addEventListener("click", (event) => {
      const row = event.target.closest("li");
      if (row) open(Number(row.dataset.number));
    });
  }

  render(state) {
    this.filter.value = state.filter;
    for (const option of this.filter.options) {
      const { label, has } = FILTERS[option.value];
      option.textContent = `${label} (${state.images.filter((image) => has(image.status)).length})`;
    }
    this.ranking.value = state.wanted;
    this.ranking.disabled = !state.holds;
    this.note.textContent = orderWords(state);
    this.note.hidden = !this.note.textContent;
    const shown = listed(state);
    this.list.replaceChildren(...shown.map((number) => this._row(number, state)));
    if (!shown.length) this.list.innerHTML = '<li role="presentation">No image here.</li>';
    const chosen = this._rows.get(state.current);
    this.list.setAttribute("aria-activedescendant", chosen?.isConnected ? chosen.id : "");
  }

  reveal(number) { this._rows.get(number)?.scrollIntoView({ block: "nearest" }); }

  _row(number, state) {
    const image = state.images[number];
    const row = this._rows.get(number) ?? this._made(number, image);
    const status = STATUS[image.status];
    row.dataset.status = image.status;
    row.setAttribute("aria-selected", String(number === state.current));
    const isDone = FILTERS.done.has(image.status), found = isDone ? null : worth(image.said);
    const words = [status.label, found?.words, image.note];
    row.setAttribute("aria-label", [image.name, ...words].filter(Boolean).join(", "));
    row.title = [image.name, found?.words, image.note].filter(Boolean).join("\n");
    row.querySelector(".mark").textContent = status.mark;
    row.querySelector(".label").textContent = status.label;
    const bar = row.querySelector(".bar");
    bar.hidden = !found;
    row.querySelector(".sure").textContent = found?.figure ?? "";
    bar.firstChild.style.width = `${Math.round(100 * (found?.share ?? 0))}%`;
    return row;
  }

  _made(number, image) {
    const row = document.createElement("li");
    row.id = `image-${number}`;
    row.setAttribute("role", "option");
    row.dataset.number = String(number);
    row.innerHTML = '<img alt="" loading="lazy" decoding="async" width="56" height="48"><span class="who"></span>'
      + '<span class="mark" aria-hidden="true"></span><span class="more"><span class="label"></span><span class="bar"><i></i></span><span class="sure"></span></span>';
    row.querySelector("img").src = address(`images/${number}/thumbnail`);
    row.querySelector(".who").textContent = image.name;
    this._rows.set(number, row);
    return row;
  }
}
