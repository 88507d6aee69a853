// Talking to the server: one write after the other, none lost while the server is away or another tab works.

const token = new URLSearchParams(location.hash.slice(1)).get("token") ?? "";
export const tab = Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, "0")).join("");

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function call(path, options = {}) {
  const headers = { Authorization: `Bearer ${token}`, ...options.headers };
  const answer = await fetch(`/annotate/${path}`, { ...options, headers });
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({}));
  const detail = typeof said.detail === "string" ? said.detail : `The server answered ${answer.status}.`;
  throw new Refused(answer.status, detail);
}

export const getJson = async (path) => (await call(path)).json();

export async function getBytes(path) {
  const answer = await call(path);
  if (answer.status === 204) return null;
  const bytes = new Uint8Array(await answer.arrayBuffer());
  const shape = (answer.headers.get("X-Shape") ?? "").split(",").map(Number);
  return { bytes, shape, checksum: Number(answer.headers.get("X-Checksum")) };
}

export const getBlob = async (path) => (await call(path)).blob();

/** The address of what a browser fetches by itself. */
export const address = (path) => `/annotate/${path}${path.includes("?") ? "&" : "?"}token=${encodeURIComponent(token)}`;

export const events = () => new EventSource(address(`events?tab=${tab}`));

let numbering = "";

/** Say which images the numbers in what is sent mean: a server that has others will not have it. */
export function numbered(by) { numbering = by; }

const post = (path, body, { isLate = false, ...more } = {}) => call(`${path}?tab=${tab}&numbering=${numbering}&late=${isLate}`, {
  method: "POST", body: body === undefined ? undefined : JSON.stringify(body),
  headers: body === undefined ? {} : { "Content-Type": "application/json" }, ...more,
});

export const takeOver = () => post("tab/take_over");

addEventListener("pagehide", () => post("tab/release", undefined, { keepalive: true }).catch(() => {}));

const PASSING = new Set([408, 502, 503, 504, 507]); // the same may be taken later

/** Whether it was not the server that refused: `fetch` throws a TypeError where no answer came. */
export const isAway = (error) => error instanceof TypeError || PASSING.has(error.status);

export const changes = (count) => (count === 1 ? "1 change" : `${count} changes`);

/**
 * Writes wait in line. `tell(state, count, why)` hears "saved", "saving" or "waiting"; `lost()` that
 * another tab works: what is for images is kept then, until `resume()`.
 */
export class Writes {
  constructor(tell, lost) {
    this.tell = tell;
    this.lost = lost;
    this.count = 0; // of all there ever were
    this._resumed = 0;
    this._line = [];
  }

  get waiting() { return this._line.length; }

  /** Wait until all is sent. */
  async idle() {
    while (this.waiting) await this._sending;
  }

  /**
   * Send when all before it are done; rejects with `Refused` if the server will not have it. Without
   * `waits`, one that another tab's work is in the way of is refused.
   */
  send(path, body, { waits = true } = {}) {
    if (this._go && !waits) return Promise.reject(new Refused(409, ""));
    this.count++;
    const image = /^images\/\d+/.exec(path)?.[0];
    const sent = new Promise((done, fail) => this._line.push({ path, body, image, waits, done, fail }));
    if (this._go) this._tellPaused();
    else this.tell("saving", this.waiting);
    if (this.waiting === 1) this._sending = this._sendAll();
    return sent;
  }

  /** This tab may write again; another may have changed what the writes that waited build on. */
  resume() {
    this._resumed++;
    for (const write of this._line) write.isLate = true;
    this._go?.();
    this._go = null;
  }

  async _sendAll() {
    while (this.waiting) {
      const [write] = this._line;
      try {
        const answer = await this._persist(write);
        this._line.shift();
        write.done(answer);
      } catch (error) {
        this._refuse(write, error);
      }
      this.tell(this.waiting ? "saving" : "saved", this.waiting);
    }
  }

  async _persist(write) {
    const { path, body, image, waits } = write;
    for (let wait = 300; ; wait = Math.min(5000, wait * 2)) {
      const holds = this._resumed;
      try {
        return await post(path, body, { isLate: write.isLate });
      } catch (error) {
        if (error.status === 409 && image && waits) {
          if (holds === this._resumed) await this._pause(); // else it was taken back meanwhile
        }
        else if (isAway(error)) {
          this.tell("waiting", this.waiting, error instanceof Refused ? error.message : "");
          await new Promise((done) => setTimeout(done, wait));
        } else throw error;
      }
    }
  }

  _pause() {
    for (const write of this._line.filter(({ waits }) => !waits)) this._refuse(write, new Refused(409, ""));
    const paused = new Promise((go) => (this._go = go));
    this._tellPaused();
    return paused;
  }

  _tellPaused() {
    this.lost();
    this.tell("waiting", this.waiting);
  }

  /** What waits for the same image builds on the write that is refused, and is refused with it, as status 0. */
  _refuse(write, error) {
    const isPart = (other) => other === write || (write.waits && write.image && other.image === write.image);
    const refused = this._line.filter(isPart);
    this._line = this._line.filter((other) => !isPart(other));
    const builds = write.isLate && !write.path.endsWith("/accept"); // that says itself what is wrong
    const isOvertaken = error.status === 412 || (builds && error.status === 422);
    write.fail(isOvertaken ? new Refused(412, overtaken(refused.length)) : error);
    for (const other of refused) other.fail(new Refused(0, "")); // of the first, it was said
  }
}

const overtaken = (count) =>
  `Another tab changed this image; ${changes(count)} made here ${count === 1 ? "was" : "were"} not saved.`;
