// The page of mentions: it draws the chart and puts new mentions into the feed. Without it the page
// still reads, filters and pages on.
import { $, $$, onTheme, showTimes, theme } from "./veille-core.js";
import { held, keep, parts, show, Stream, swap } from "./live.js";

const body = document.body;
const DEBOUNCE = 700; // ms between a new mention and new totals
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

function place(fresh) {
  for (const part of $$("[data-part]", fresh)) {
    const name = part.dataset.part;
    const old = $(`[data-part="${name}"]`);
    if (!old || name === "feed") continue;
    if (name === "chart") placeChart(old, part);
    else if (!held(old)) swap(old, part);
  }
  placeFeed($('[data-part="feed"]', fresh));
  const total = $('[data-figure="total"]');
  if (total) document.title = `${total.textContent} mentions · Veille`;
  showTimes();
  if (stream?.live) show("live");
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
    if (inside && !ids.has(one.dataset.id) && !held(one)) one.remove();
  }
  there.forEach((one) => put(document.importNode(one, true), false));
  if (!there.length && !$(".empty", feed())) feed().replaceChildren(...[...fresh.childNodes]);
}

function put(card, isNew) {
  const list = feed();
  const at = Number(card.dataset.at);
  const old = cards().find((one) => one.dataset.id === card.dataset.id);
  if (old && held(old)) return;
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
  refresh();
}

const refresh = parts("/mentions/parts", place, DEBOUNCE);
let stream = null;

function start() {
  if (!feed() || !$("#plot")) return;
  redraw();
  onTheme(redraw);
  let width = innerWidth;
  let resizing = 0;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    clearTimeout(resizing);
    resizing = setTimeout(redraw, 150);
  });
  if (body.dataset.live === "off") return;
  stream = new Stream(location.search, { mentions: arrived, refresh });
  keep(refresh);
}

start();
