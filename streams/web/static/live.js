// Keeps a page live: asks for its parts anew, never for the whole page, puts them in place, and
// hears of new mentions. Without it a page reads, and is as of its loading.
import { $, $$, _ } from "./veille-core.js";

const ROUTINE = 10_000; // ms between looks at what no event tells: deletions, sources, incidents
const RETRY = 4000; // ms until parts that did not come are asked for again
const REOPEN = 5000; // ms until a stream that was refused is asked for again
const WORDS = {
  live: _("Live"),
  lost: _("Connection lost: trying again"),
  away: _("The store does not answer"),
};

/** Says how the page is kept: `live`, `lost` or `away`. */
export function show(state) {
  const sign = $("#live");
  if (!sign || sign.dataset.state === state) return;
  sign.dataset.state = state;
  $(".word", sign).textContent = WORDS[state];
}

/** Gives `place` the parts at `path`, as this page's address filters them. Returns what asks for
    them, after `debounce` ms or those it is given: never twice at once. */
export function parts(path, place, debounce) {
  let [running, again, timer] = [false, false, 0];

  async function ask() {
    if (running) { again = true; return; }
    running = true;
    try {
      const answer = await fetch(path + location.search, { headers: { Accept: "text/html" } });
      if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
      place(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch {
      show("lost");
      setTimeout(() => soon(), RETRY);
    } finally {
      running = false;
      if (again) { again = false; soon(); }
    }
  }

  function soon(wait = debounce) {
    if (!timer) timer = setTimeout(() => { timer = 0; ask(); }, wait);
  }
  return soon;
}

/** Puts a fresh part where the old one was; what was unfolded stays so. */
export function swap(old, part) {
  const open = $$("details", old).map((one) => one.open);
  old.replaceWith(part);
  $$("details", part).forEach((one, index) => { one.open = open[index] ?? one.open; });
}

/** Whether the reader is at work in a part: scripts that can't give the focus back leave it. */
export const held = (part) => part.contains(document.activeElement);

/** Asks anew every so often, and when the page is seen again; hidden, it rests. */
export function keep(refresh, routine = ROUTINE) {
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(0); });
  addEventListener("pageshow", (event) => { if (event.persisted) refresh(0); });
  setInterval(() => { if (!document.hidden) refresh(0); }, routine);
}

/** Hears of mentions that match `search`: `mentions` is given them, `refresh` called where there are
    too many to tell. Hidden tabs give their connection back. */
export class Stream {
  constructor(search, { mentions, refresh }) {
    this.search = search;
    this.mentions = mentions;
    this.refresh = refresh;
    this.after = document.body.dataset.after ?? "";
    this.source = null;
    this.open();
    document.addEventListener("visibilitychange", () => (document.hidden ? this.close() : this.open()));
    addEventListener("pagehide", () => this.close());
    addEventListener("pageshow", (event) => { if (event.persisted) this.open(); });
  }

  get live() {
    return this.source?.readyState === EventSource.OPEN;
  }

  open() {
    if (this.source || document.hidden) return;
    const url = new URL("/live", location.href);
    url.search = this.search;
    if (this.after) url.searchParams.set("after", this.after);
    this.source = new EventSource(url);
    const hear = (name, react) => this.source.addEventListener(name, (event) => {
      if (event.lastEventId) this.after = event.lastEventId;
      show("live");
      react?.(event);
    });
    hear("ready");
    hear("mentions", (event) => this.mentions(JSON.parse(event.data)));
    hear("refresh", () => this.refresh());
    this.source.addEventListener("away", () => show("away"));
    this.source.onerror = () => {
      show("lost");
      if (this.source?.readyState !== EventSource.CLOSED) return;
      this.close(); // refused: the browser gives up, this page does not
      setTimeout(() => this.open(), REOPEN);
    };
  }

  close() {
    this.source?.close();
    this.source = null;
  }
}
