// The page of mentions: it draws the chart and puts new mentions into the feed. Without it the page
// still reads, filters and pages on.
import { $, $$, _, onTheme, showTimes, theme } from "./veille-core.js";

const body = document.body;
const DEBOUNCE = 700; // ms between a new mention and new totals
const ROUTINE = 10_000; // ms between looks at what no event tells: deletions, sources
const KEPT = 150; // cards that stay in the feed

/* Chart */

let drawn = null;
let drawing = Promise.resolve();

async function draw() {
  const plot = $("#plot");
  if (!plot) return;
  await import(body.dataset.vega);
  const spec = JSON.parse(plot.dataset.spec);
  const config = JSON.parse(body.dataset.themes)[theme()];
  const fresh = document.createElement("div");
  fresh.className = "plot";
  const before = drawn;
  plot.classList.add("drawing");
  fresh.style.width = `${plot.clientWidth}px`;
  const result = await window.vegaEmbed(fresh, { ...spec, width: plot.clientWidth }, {
    actions: false, ast: true, config, defaultStyle: false, renderer: "canvas",
    tooltip: { disableDefaultStyle: true },
  });
  plot.replaceChildren(fresh);
  plot.dataset.drawn = "yes";
  drawn = result;
  before?.finalize();
}

function redraw() {
  drawing = drawing.then(draw).catch(drawnByServer);
  return drawing;
}

function drawnByServer(error) {
  console.error("chart:", error);
  const image = new Image();
  const url = new URL("/mentions/chart.svg", location.href);
  url.search = location.search;
  url.searchParams.set("theme", theme());
  image.src = url.href;
  image.alt = $("#plot").dataset.label;
  image.className = "drawn";
  $("#plot").replaceChildren(image);
}

/* The page's moving parts */

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
    const answer = await fetch(`/mentions/parts${location.search}`, { headers: { Accept: "text/html" } });
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    place(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    show("lost", _("Connection lost: trying again"));
    setTimeout(() => refreshSoon(), 4000);
  } finally {
    running = false;
    if (again) { again = false; refreshSoon(); }
  }
}

function place(fresh) {
  for (const part of $$("[data-part]", fresh)) {
    const name = part.dataset.part;
    const old = $(`[data-part="${name}"]`);
    if (!old || name === "feed") continue;
    if (name === "chart") placeChart(old, part);
    else swap(old, part);
  }
  placeFeed($('[data-part="feed"]', fresh));
  const total = $('[data-figure="total"]');
  if (total) document.title = `${total.textContent} mentions · Veille`;
  showTimes();
  if (stream?.readyState === EventSource.OPEN) show("live", _("Live"));
}

function swap(old, part) {
  if (old.contains(document.activeElement)) return; // never take the focus away
  const open = $$("details", old).map((one) => one.open);
  old.replaceWith(part);
  $$("details", part).forEach((one, index) => { one.open = open[index] ?? false; });
}

function placeChart(old, part) {
  const [plot, fresh] = [$("#plot", old), $("#plot", part)];
  $("figcaption", old).replaceWith($("figcaption", part));
  if (plot.dataset.spec === fresh.dataset.spec) return;
  plot.dataset.spec = fresh.dataset.spec;
  redraw();
}

/* The feed: newest first, by the time a post was written */

const feed = () => $("#feed");
const cards = () => $$("article.card", feed());

function placeFeed(fresh) {
  if (!fresh || body.dataset.live === "off") return;
  const there = $$("article.card", fresh);
  const ids = new Set(there.map((one) => one.dataset.id));
  const oldest = there.length ? Number(there.at(-1).dataset.at) : -Infinity;
  const whole = fresh.dataset.older === "no";
  for (const one of cards()) { // what the server no longer has was deleted
    const inside = whole || Number(one.dataset.at) > oldest;
    if (inside && !ids.has(one.dataset.id) && !one.contains(document.activeElement)) one.remove();
  }
  there.forEach((one) => put(document.importNode(one, true), false));
  if (!there.length && !$(".empty", feed())) feed().replaceChildren(...[...fresh.childNodes]);
}

function put(card, isNew) {
  const list = feed();
  const at = Number(card.dataset.at);
  const old = cards().find((one) => one.dataset.id === card.dataset.id);
  if (old?.contains(document.activeElement)) return;
  if (old && old.dataset.at === card.dataset.at) {
    if (old.innerHTML !== card.innerHTML || old.className !== card.className) old.replaceWith(card);
    showTimes(card);
    return;
  }
  old?.remove();
  const before = cards().find((one) => Number(one.dataset.at) < at);
  if (!before && list.dataset.older === "yes" && cards().length) return; // it is on a later page
  $(".empty", list)?.remove();
  if (isNew) card.classList.add("new");
  list.insertBefore(card, before ?? $(".older", list));
  showTimes(card);
  cards().slice(KEPT).forEach((one) => { one.remove(); list.dataset.older = "yes"; });
}

function arrived(news) {
  const holder = document.createElement("template");
  const top = feed().getBoundingClientRect().top;
  const anchor = top < 0 ? cards().find((one) => one.getBoundingClientRect().bottom > 0) : null;
  const was = anchor?.getBoundingClientRect().top;
  for (const { html } of news) {
    holder.innerHTML = html; // escaped by the server's template, as on the page itself
    put(holder.content.firstElementChild, true);
  }
  if (anchor?.isConnected) scrollBy(0, anchor.getBoundingClientRect().top - was); // stay on the line being read
  refreshSoon();
}

/* The live stream */

let stream = null;
let after = body.dataset.after ?? "";

function show(state, word) {
  const sign = $("#live");
  if (!sign || (sign.dataset.state === state && $(".word", sign).textContent === word)) return;
  sign.dataset.state = state;
  $(".word", sign).textContent = word;
}

function open() {
  if (stream || body.dataset.live === "off" || document.hidden) return;
  const url = new URL("/live", location.href);
  url.search = location.search;
  if (after) url.searchParams.set("after", after);
  stream = new EventSource(url);
  const heard = (event) => {
    if (event.lastEventId) after = event.lastEventId;
    show("live", _("Live"));
  };
  stream.addEventListener("ready", heard);
  stream.addEventListener("mentions", (event) => { heard(event); arrived(JSON.parse(event.data)); });
  stream.addEventListener("refresh", (event) => { heard(event); refreshSoon(); });
  stream.addEventListener("away", () => show("lost", _("The store does not answer")));
  stream.onerror = () => {
    show("lost", _("Connection lost: trying again"));
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

function start() {
  if (!feed() || !$("#plot")) return;
  redraw();
  open();
  onTheme(redraw);
  let width = innerWidth;
  let resizing = 0;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    clearTimeout(resizing);
    resizing = setTimeout(redraw, 150);
  });
  document.addEventListener("visibilitychange", () => { // hidden tabs give their connection back
    if (document.hidden) close();
    else { open(); refreshSoon(0); }
  });
  addEventListener("pagehide", close);
  addEventListener("pageshow", (event) => {
    if (event.persisted) { open(); refreshSoon(0); }
  });
  setInterval(() => { if (!document.hidden && body.dataset.live !== "off") refreshSoon(0); }, ROUTINE);
}

start();
