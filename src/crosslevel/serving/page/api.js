// Talking to the server: one write after the other, none lost while the server is away.

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

const post = (path, body, more = {}) => call(`${path}?tab=${tab}&numbering=${numbering}`, {
  method: "POST", body: body === undefined ? undefined : JSON.stringify(body),
  headers: body === undefined ? {} : { "Content-Type": "application/json" }, ...more,
});

export const takeOver = () => post("tab/take_over");

addEventListener("pagehide", () => post("tab/release", undefined, { keepalive: true }).catch(() => {}));

/** Writes wait in line; `tell(state, count)` hears "saved", "saving" or "waiting" (the server is away). */
export class Writes {
  constructor(tell) {
    this.tell = tell;
    this.waiting = 0;
    this.last = Promise.resolve();
  }

  /** Send when all before it are done; rejects with `Refused` if the server will not have it. */
  send(path, body) {
    this.waiting++;
    this.tell("saving", this.waiting);
    const sent = this.last.then(() => this._persist(path, body));
    this.last = sent.catch(() => {}).then(() => {
      this.waiting--;
      this.tell(this.waiting ? "saving" : "saved", this.waiting);
    });
    return sent;
  }

  async _persist(path, body) {
    for (let wait = 300; ; wait = Math.min(5000, wait * 2)) {
      try {
        return await post(path, body);
      } catch (error) {
        if (error instanceof Refused && error.status !== 507 && error.status !== 503) throw error;
        this.tell("waiting", this.waiting, error instanceof Refused ? error.message : "");
        await new Promise((done) => setTimeout(done, wait));
      }
    }
  }
}
