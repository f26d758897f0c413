// The server's events, and whether they come. The newest of each kind comes at once on connecting,
// so nothing has to be made up for after a loss.

const KINDS = ["live", "pipeline", "lake"];
const PATIENCE_MS = 4_000; // the server ends a stream now and then; the browser is back in 2 s
const SILENT_MS = 45_000; // an event comes every 10 s at least, unless AWS hangs
const OPENING_MS = 10_000;
const RETRY_MS = 2_000;

/**
 * Calls `hear(kind, payload)` for each event and `tell(state, since)` when the connection changes:
 * "connecting", "open", "lost", "signed-out" or "resting" while nobody sees the page.
 */
export class Feed {
  #source = null;
  #opened = false;
  #heard = 0;
  #broken = null; // since when no connection is there, by the clock here
  #retry = 0;
  #state = "connecting";
  #hear;
  #tell;

  constructor(hear, tell) {
    this.#hear = hear;
    this.#tell = tell;
  }

  start() {
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.#rest();
      else if (!this.#source) this.#open();
    });
    addEventListener("online", () => this.#open());
    // Airflow on this machine stays in reach without a network: lost is what no more events come from.
    addEventListener("offline", () => { this.#broken ??= Date.now(); });
    setInterval(() => this.#watch(), 1000);
    this.#open();
  }

  #open() {
    clearTimeout(this.#retry);
    this.#source?.close();
    this.#opened = false;
    this.#heard = Date.now();
    const source = new EventSource(`api/events${location.search}`);
    this.#source = source;
    source.addEventListener("open", () => {
      this.#opened = true;
      this.#heard = Date.now();
      this.#broken = null;
    });
    for (const kind of KINDS) {
      source.addEventListener(kind, (event) => {
        this.#heard = Date.now();
        this.#broken = null;
        this.#become("open");
        this.#hear(kind, JSON.parse(event.data));
      });
    }
    source.addEventListener("error", () => {
      if (source !== this.#source) return;
      this.#broken ??= Date.now();
      if (!navigator.onLine) this.#lose();
      // The browser tries again by itself, unless the answer was an error.
      if (source.readyState === EventSource.CLOSED) this.#ask();
    });
  }

  /** A connection can end without either side hearing of it. */
  #watch() {
    const silent = Date.now() - this.#heard;
    if (this.#broken !== null && Date.now() - this.#broken > PATIENCE_MS) this.#lose();
    if (!this.#source) return;
    if (this.#opened ? silent > SILENT_MS : silent > OPENING_MS) {
      this.#broken ??= this.#heard;
      this.#open();
    }
  }

  async #ask() {
    this.#source = null;
    let refused = false;
    try {
      const answer = await fetch(`api/live${location.search}`);
      refused = [401, 403].includes(answer.status);
      if ([404, 422].includes(answer.status)) this.#miss((await answer.json().catch(() => ({}))).detail);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // not reached: that is known already
    }
    if (refused) this.#become("signed-out");
    this.#retry = setTimeout(() => {
      if (!document.hidden) this.#open();
    }, refused ? 2 * RETRY_MS : RETRY_MS);
  }

  /** The stage that the address names isn't there or can't be, which is no loss of the connection. */
  #miss(detail) {
    if (!detail) return; // some proxy's answer
    const error = typeof detail === "string" ? detail : `There can be no such stage: ${detail[0].msg}`;
    this.#broken = null;
    this.#become("open");
    for (const kind of KINDS) this.#hear(kind, { read_at: null, since: null, error, data: null });
  }

  #rest() {
    clearTimeout(this.#retry);
    this.#source?.close();
    this.#source = null;
    this.#broken = null;
    if (this.#state === "open") this.#become("resting");
  }

  #lose() {
    // Being refused is more than being lost.
    if (this.#state !== "signed-out") this.#become("lost", this.#broken ?? Date.now());
  }

  #become(state, since = Date.now()) {
    if (this.#state === state) return;
    this.#state = state;
    this.#tell(state, since);
  }
}
