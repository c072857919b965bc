// Keeps the overview live: hears of new mentions and puts fresh parts in place, never the whole
// page; ticks the clock of the wall. Without it the page reads, and is as of its loading.
import { $, $$ } from "./veille-core.js";
import { held, keep, parts, show, Stream, swap } from "./live.js";

const DEBOUNCE = 500; // ms between a new mention and new figures
const PENDING = 1500; // ms until what is being worked out is asked for again

/* The page's parts */

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
    swapInto(old, part);
  }
  document.dispatchEvent(new Event("draw"));
  if (stream.live) show("live");
  waitForPending();
}

function waitForPending() {
  if ($("[data-pending]")) setTimeout(refresh, PENDING);
}

/** The focus stays where it was. */
function swapInto(old, part) {
  const focused = held(old) ? document.activeElement : null;
  const link = focused?.getAttribute("href");
  const at = focused ? $$("a, summary", old).indexOf(focused) : -1;
  swap(old, part);
  if (!focused) return;
  const there = $$("a, summary", part);
  (there.find((one) => link && one.getAttribute("href") === link) ?? there[at])?.focus({ preventScroll: true });
}

function search() {
  const topics = new URL(location.href).searchParams.getAll("topic").filter(Boolean);
  return new URLSearchParams(topics.map((topic) => ["topic", topic])).toString();
}

/* The clock of the wall */

function tick() {
  const clock = $("#clock");
  if (!clock) return;
  const root = document.documentElement;
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
const refresh = parts("/overview/parts", place, DEBOUNCE);
const stream = new Stream(search(), { mentions: () => refresh(), refresh });
waitForPending();
keep(refresh);
