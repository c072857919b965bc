// Keeps the overview live: hears of new mentions and puts fresh parts in place, never the whole
// page; ticks the clock of the wall. Without it the page reads, and is as of its loading.
import { $, $$ } from "./veille-core.js";

const { body, documentElement: root } = document;

const DEBOUNCE = 500; // ms between a new mention and new figures
const ROUTINE = 10_000; // ms between looks at what no event tells: sources, incidents
const PENDING = 1500; // ms until what is being worked out is asked for again

/* The page's parts */

let running = false;
let again = false;
let timer = 0;

function refreshSoon(wait = DEBOUNCE) {
  if (!timer) timer = setTimeout(() => { timer = 0; refresh(); }, wait);
}

async function refresh() {
  if (running) { again = true; return; }
  running = true;
  try {
    const answer = await fetch(`/overview/parts${location.search}`, { headers: { Accept: "text/html" } });
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    place(new DOMParser().parseFromString(await answer.text(), "text/html"));
    if (stream?.readyState === EventSource.OPEN) show("live");
  } catch {
    show("lost");
    setTimeout(() => refreshSoon(), 4000);
  } finally {
    running = false;
    if (again) { again = false; refreshSoon(); }
  }
}

function place(fresh) {
  for (const part of $$("[data-part]", fresh)) {
    const old = $(`[data-part="${part.dataset.part}"]`);
    if (!old || old.innerHTML === part.innerHTML) continue;
    const [plot, next] = [$(".plot[data-spec]", old), $(".plot[data-spec]", part)];
    if (plot && next) { // what is drawn stays until the new one is
      plot.dataset.spec = next.dataset.spec;
      plot.dataset.label = next.dataset.label;
      next.replaceWith(plot);
    }
    swap(old, part);
  }
  document.dispatchEvent(new Event("draw"));
  if ($("[data-pending]")) setTimeout(refreshSoon, PENDING);
}

function swap(old, part) {
  const held = old.contains(document.activeElement) ? document.activeElement : null;
  const link = held?.getAttribute("href");
  const at = held ? $$("a, summary", old).indexOf(held) : -1;
  const open = $$("details", old).map((one) => one.open);
  old.replaceWith(part);
  $$("details", part).forEach((one, index) => { one.open = open[index] ?? one.open; });
  if (held) { // the focus stays where it was
    const there = $$("a, summary", part);
    (there.find((one) => link && one.getAttribute("href") === link) ?? there[at])?.focus({ preventScroll: true });
  }
}

/* The live stream */

let stream = null;
let after = body.dataset.after ?? "";

function show(state) {
  const sign = $("#live");
  if (!sign || sign.dataset.state === state) return;
  sign.dataset.state = state;
  $(".word", sign).textContent = sign.dataset[state];
}

function open() {
  if (stream || document.hidden) return;
  const url = new URL("/live", location.href);
  for (const topic of new URL(location.href).searchParams.getAll("topic")) {
    if (topic) url.searchParams.append("topic", topic);
  }
  if (after) url.searchParams.set("after", after);
  stream = new EventSource(url);
  const heard = (event) => {
    if (event.lastEventId) after = event.lastEventId;
    show("live");
  };
  stream.addEventListener("ready", heard);
  stream.addEventListener("mentions", (event) => { heard(event); refreshSoon(); });
  stream.addEventListener("refresh", (event) => { heard(event); refreshSoon(); });
  stream.addEventListener("away", () => show("away"));
  stream.onerror = () => {
    show("lost");
    if (stream?.readyState === EventSource.CLOSED) { // refused: the browser gives up, we don't
      close();
      setTimeout(open, 5000);
    }
  };
}

function close() {
  stream?.close();
  stream = null;
}

/* The clock of the wall */

function tick() {
  const clock = $("#clock");
  if (!clock) return;
  const form = new Intl.DateTimeFormat(root.lang || "en", {
    hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: root.dataset.zone || undefined,
  });
  const show_ = () => {
    const now = form.format(new Date());
    if (clock.textContent !== now) clock.textContent = now;
  };
  show_();
  setInterval(show_, 1000);
}

tick();
open();
if ($("[data-pending]")) setTimeout(refreshSoon, PENDING);
document.addEventListener("visibilitychange", () => { // hidden tabs give their connection back
  if (document.hidden) close();
  else { open(); refreshSoon(0); }
});
addEventListener("pagehide", close);
addEventListener("pageshow", (event) => { if (event.persisted) { open(); refreshSoon(0); } });
setInterval(() => { if (!document.hidden) refreshSoon(0); }, ROUTINE);
