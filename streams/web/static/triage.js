// Deciding by hand: keys and buttons, a list of any length, decisions that show at once and are
// never lost. Without this script every row has a form of its own.
const data = document.body.dataset;
const { VirtualList } = await import(data.list);
const { Outbox } = await import(data.outbox);
const { WORDS, say, number, said, verdict, makeRow, fillRow, fillDetail } = await import(data.row);

const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
const first = JSON.parse(data.first);
const me = data.me;
const may = data.may === "yes";
const blind = first.tab === "opinion";
const shrinking = ["queue", "mine", "unassigned"].includes(first.tab);
const POLL = 20_000;
const PAGE = 200;
const MOST_SENT = 100;

/* Talking to the server */

async function ask(path, body) {
  const options = body === undefined ? {} : { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json", "X-Veille-Token": data.token } };
  const answer = await fetch(path, options);
  if (answer.redirected || answer.status === 401) throw Object.assign(new Error("login"), { login: true });
  if (answer.status === 403 && body !== undefined && await renewed()) return ask(path, body);
  if (!answer.ok) {
    const told = await answer.json().catch(() => ({}));
    const passing = [408, 429].includes(answer.status) || answer.status >= 500;
    throw Object.assign(new Error(told.error ?? `HTTP ${answer.status}`), { refused: !passing });
  }
  return answer;
}

async function renewed() { // the server was started anew: the page's token is no longer its own
  const was = data.token;
  const answer = await fetch(location.href);
  if (!answer.ok || answer.redirected) return false;
  data.token = new DOMParser().parseFromString(await answer.text(), "text/html").body.dataset.token ?? was;
  return data.token !== was;
}

/* What is heard and seen of it */

function announce(text) {
  const heard = $("#heard");
  heard.textContent = "";
  heard.textContent = text;
  $("#position").textContent = text;
}

function sync(state, word) {
  const sign = $("#sync");
  sign.dataset.state = state;
  $(".word", sign).textContent = word;
}

function notice(text) {
  $("#lost").textContent = text;
  $("#lost").hidden = !text;
}

/* The list */

const selection = new Set();
let everything = false; // what is said next is said of all that fit
let armed = null; // a mention whose whole story what is said next is said of
let cursor = first.cursor;
let fetching = null;
let total = first.total ?? first.rows.length;
const decided = new Set(); // left the queue since the page was opened
const total_ = () => (cursor ? Math.max(total, list.rows.length) : list.rows.length);

const list = new VirtualList({
  scroller: $("#scroller"),
  holder: $("#rows"),
  make: makeRow,
  fill: (element, row, index) => fillRow(element, row, index, { total: total_(), selected: selection.has(row.id), me }),
  onNear: more,
});

function more() {
  if (!cursor || fetching) return;
  const url = `${first.more}${first.more.includes("?") ? "&" : "?"}cursor=${encodeURIComponent(cursor)}&limit=${PAGE}`;
  fetching = ask(url)
    .then((answer) => answer.json())
    .then((page) => { cursor = page.cursor; list.append(page.rows); })
    .catch(() => new Promise((resolve) => setTimeout(resolve, 3000)))
    .finally(() => { fetching = null; list.schedule(); });
}

function left() {
  return Math.max(0, total - decided.size);
}

function count() {
  const shown = $("#total");
  if (shown && shrinking && shown.textContent !== "…") shown.textContent = number(left());
}

function look() { // after the focus moved, or what has it changed
  fillDetail(list.current, { me, topicName });
  if (list.current) $("#position").textContent = say("position", { n: number(list.index + 1), total: number(total_()) });
}

const names = new Map($$('input[name="topic"]').map((one) => [one.value, one.parentElement.textContent.trim()]));
const topicName = (id) => names.get(id) ?? id;

let looking = 0;
function go(index, options) {
  const changed = list.go(index, options);
  if (changed && armed) disarm();
  if (!looking) looking = requestAnimationFrame(() => { looking = 0; look(); });
}

function settled(row) {
  if (first.tab === "sample") return Boolean(row.mark || judged(row));
  return blind || first.tab === "done" || first.tab === "all" ? Boolean(row.mark || row.over) : Boolean(row.mark || said(row).done);
}

function judged(row) { // as the sample counts
  const now = said(row);
  return now.done || now.spam || now.relevant !== null || Boolean(row.label?.sentiment);
}

function onward() {
  let next = list.index + 1;
  while (next < list.rows.length && settled(list.rows[next])) next++;
  if (next < list.rows.length) go(next);
  else if (!cursor) announce(WORDS.end);
  else { go(list.rows.length - 1); more(); }
}

/* Deciding */

const history = [];
const changes = {
  neg: () => ({ sentiment: "neg", relevant: true, spam: false, done: true }),
  neu: () => ({ sentiment: "neu", relevant: true, spam: false, done: true }),
  pos: () => ({ sentiment: "pos", relevant: true, spam: false, done: true }),
  relevance: (row) => (said(row).relevant === false || said(row).spam ? { relevant: true, spam: false, done: true } : { relevant: false, done: true }),
  done: () => ({ done: true }),
  spam: (row) => (said(row).spam ? { spam: false, done: true } : { spam: true, relevant: false, done: true }),
};
const wordOf = { neg: WORDS.neg, neu: WORDS.neu, pos: WORDS.pos, relevance: WORDS.irrelevant, done: WORDS.done, spam: WORDS.spam };

const outbox = new Outbox(`veille.triage.${blind ? "opinions" : "labels"}.${me}`, {
  post: blind ? postOpinions : async (list_) => (await (await ask("/api/v1/labels", { changes: list_.map(({ at, ...change }) => change) })).json()).outcomes,
  on: {
    changed: (n) => { if (!outbox?.lost) sync(n ? "saving" : "live", n ? say("saving", { n }) : WORDS.saved); },
    outcome,
    refused: (sent, error) => {
      for (const change of sent) give(change.mention_id);
      notice(say("refused", { why: error.message }));
      announce(say("refused", { why: error.message }));
    },
    lost: (n, error) => {
      sync("lost", say(error.login ? "login" : "lost", { n }));
      notice(error.login ? say("login", { n }) : n ? say("lost", { n }) : WORDS.lost_none);
    },
    back: (n) => { notice(""); announce(say("back", { n })); },
  },
});

async function postOpinions(opinions) {
  await ask("/api/v1/opinions", { opinions: opinions.map(({ mention_id, relevant, sentiment }) => ({ mention_id, relevant, sentiment: sentiment ?? null })) });
  return opinions.map(({ mention_id }) => ({ mention_id, state: "kept", seen: 0, label: null }));
}

function keep(row, change) { // shows at once, and goes out
  const note = "note" in change ? said(row).note : undefined;
  row.over = { ...row.over, ...change };
  row.conflict = null;
  row.pending = true;
  if (change.done) decided.add(row.id);
  for (const step of history) step.items = step.items?.filter((item) => item.id !== row.id || item.of || !outbox.waiting.has(row.id));
  outbox.add({ mention_id: row.id, seen: row.seen, ...change });
  list.refresh(row.id);
  return { id: row.id, of: 0, note };
}

function give(id) { // the row as the server has it
  const row = list.row(id);
  if (!row) return;
  row.over = null;
  row.mark = "";
  row.pending = false;
  if (said(row).done) decided.add(id); else decided.delete(id);
  list.refresh(id);
  if (list.current === row) look();
  count();
}

function outcome(found, sent) {
  const row = list.row(found.mention_id);
  for (const step of history) for (const item of step.items ?? []) if (item.id === found.mention_id && !item.of) item.of = found.seen;
  if (!row) {
    if (found.state === "conflict") notice(say("conflict", { who: found.label?.by || WORDS.someone, what: "" }));
    return;
  }
  if (blind) { row.pending = false; list.refresh(row.id); return; }
  row.label = found.label;
  row.seen = found.seen;
  const waits = outbox.waiting.has(row.id);
  if (found.state === "kept") {
    if (!waits) { row.over = null; row.pending = false; }
    list.refresh(row.id);
  } else {
    row.conflict = found.state === "conflict" ? { ...found, sent } : null;
    if (found.state === "gone") row.mark = WORDS.gone;
    for (const step of history) step.items = step.items?.filter((item) => item.id !== row.id);
    give(row.id);
    announce(found.state === "gone" ? WORDS.gone : say("conflict_said", { who: found.label?.by || WORDS.someone, what: labelled(row) }));
    quicker();
  }
  if (list.current === row) look();
  learnSoon();
}

const labelled = (row) => verdict({ label: row.label, computed: row.computed });

function quicker() { // a way back to the rows where somebody was
  const rows = list.rows.filter((row) => row.conflict);
  notice(rows.length ? rows.map((row) => say("conflict", { who: row.conflict.label?.by || WORDS.someone, what: labelled(row) })).slice(0, 3).join(" · ") : "");
  if (!rows.length) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "second";
  button.textContent = WORDS.show;
  button.addEventListener("click", () => go(list.places.get(rows[0].id)));
  $("#lost").append(" ", button);
}

async function decide(kind) {
  if (!may) return;
  if (armed) return stroke({ story_of: armed.id, change: { mention_id: "all", ...changes[kind](armed) } }, armed);
  if (everything) return sayOfAll(kind);
  const rows = chosen();
  if (!rows.length) return announce(WORDS.nothing);
  if (blind) return opine(rows[0], kind);
  remember(rows.map((row) => keep(row, changes[kind](row))));
  count();
  announce(say("decided", { what: verdict(rows[0]), left: number(left()) }));
  if (selection.size) clearSelection();
  else onward();
  look();
}

function opine(row, kind) {
  if (kind === "done" || kind === "spam") return;
  const change = kind === "relevance" ? { relevant: false, sentiment: null } : { relevant: true, sentiment: kind };
  row.mark = change.relevant ? wordOf[kind] : WORDS.irrelevant;
  row.pending = true;
  decided.add(row.id);
  outbox.add({ mention_id: row.id, seen: 0, ...change });
  list.refresh(row.id);
  announce(say("opinion", { left: number(left()) }));
  onward();
}

function remember(items) {
  history.push({ items });
  if (history.length > 500) history.shift();
}

const chosen = () => (selection.size ? list.rows.filter((row) => selection.has(row.id)) : list.current ? [list.current] : []);

/* Taking back */

async function undo() {
  let step = history.pop();
  while (step?.items && !step.items.length) step = history.pop();
  if (!step) return announce(WORDS.nothing_to_undo);
  if (step.batch) return strokeBack(step.batch);
  if (step.shown) return hide(step.shown, false);
  const dropped = step.items.filter((item) => !item.of && outbox.drop(item.id));
  for (const item of dropped) give(item.id);
  const rest = step.items.filter((item) => !dropped.includes(item));
  if (rest.length) {
    try {
      await outbox.settled();
      await takeBack(rest);
    } catch (error) {
      history.push({ items: rest });
      return announce(say("refused", { why: error.message }));
    }
  } else announce(WORDS.undone);
  const at = list.places.get(step.items[0].id);
  if (at !== undefined) go(at);
  count();
  look();
}

async function takeBack(items) {
  let lost = 0;
  for (let start = 0; start < items.length; start += MOST_SENT) {
    const some = items.slice(start, start + MOST_SENT).map((item) => {
      const made = { mention_id: item.id, seen: list.row(item.id)?.seen ?? item.of, of: item.of };
      return item.note === undefined ? made : { ...made, note: item.note };
    });
    const { outcomes } = await (await ask("/api/v1/labels/undo", { items: some })).json();
    for (const found of outcomes) {
      const row = list.row(found.mention_id);
      if (found.state !== "kept") { lost++; continue; }
      if (!row) continue;
      row.label = found.label;
      row.seen = found.seen;
      give(row.id);
    }
  }
  announce(lost ? WORDS.undo_lost : WORDS.undone);
  learnSoon();
}

/* All that fit, and whole stories, in one stroke */

function fitting() { // the address's own filters, and the period that counts where it names none
  const given = new URLSearchParams(location.search);
  for (const name of ["cursor", "told", "by", "ui", "tz"]) given.delete(name);
  if (first.preset && !given.has("range") && !given.has("since") && !given.has("until")) given.set("range", first.preset);
  return given.toString();
}

async function sayOfAll(kind, change = changes[kind](list.current ?? {}), word = wordOf[kind]) {
  if (!await sure(say("sure_all", { what: word, n: number(left()) }))) return;
  await stroke({ where: fitting(), change: { mention_id: "all", ...change } }, null);
}

async function stroke(body, story) {
  disarm();
  await outbox.settled();
  let last = null;
  try {
    last = await follow(await ask("/api/v1/labels/bulk", body));
  } catch (error) {
    return announce(say("refused", { why: error.message }));
  }
  history.push({ batch: last.batch });
  clearSelection();
  for (const row of list.rows) {
    if (story ? row.topic === story.topic && row.story === story.story && !said(row).done : !settled(row)) {
      row.mark = verdict({ over: body.change, computed: row.computed });
      if (body.change.done) decided.add(row.id);
    }
  }
  list.refreshAll();
  count();
  announce(say("stroke_done", { n: number(last.kept), conflicts: number(last.conflicts) }));
  if (!story) await anew();
  else { await restamp(story); onward(); }
  learnSoon();
}

async function restamp(story) { // rows in the list learn the labels that the stroke made
  const url = `/api/v1/queue?tab=done&range=all&topic=${encodeURIComponent(story.topic)}&story=${encodeURIComponent(story.story)}&limit=${PAGE}`;
  const page = await (await ask(url)).json();
  for (const fresh of page.rows) {
    const row = list.row(fresh.id);
    if (row) Object.assign(row, { label: fresh.label, seen: fresh.seen, mark: "" });
  }
  list.refreshAll();
}

async function strokeBack(batch) {
  const last = await follow(await ask("/api/v1/labels/undo", { batch }));
  announce(say("stroke_undone", { n: number(last.kept) }));
  await anew();
  learnSoon();
}

async function follow(answer) { // a line of JSON after each page of the stroke
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let last = null;
  for (;;) {
    const { value, done } = await reader.read();
    const lines = (rest + (value ?? "")).split("\n");
    rest = lines.pop();
    for (const line of lines.filter(Boolean)) {
      last = JSON.parse(line);
      if (last.error) throw new Error(last.error);
      sync("saving", say("stroke", { n: number(last.kept + last.conflicts + last.gone), total: number(last.of) }));
    }
    if (done) break;
  }
  sync("live", WORDS.saved);
  return last;
}

async function arm() {
  const row = list.current;
  if (!row || blind) return;
  if (!row.story) return announce(WORDS.story_none);
  const url = `/api/v1/queue?range=all&topic=${encodeURIComponent(row.topic)}&story=${encodeURIComponent(row.story)}&limit=1`;
  const page = await (await ask(url)).json();
  if (list.current !== row) return;
  armed = row;
  $("#armed").textContent = say("story_armed", { n: number(page.total) });
  $("#armed").hidden = false;
  announce($("#armed").textContent);
}

function disarm() {
  armed = null;
  if ($("#armed")) $("#armed").hidden = true;
}

async function anew() { // the list from its beginning
  const page = await (await ask(`${first.more}${first.more.includes("?") ? "&" : "?"}limit=${PAGE}`)).json();
  const kept = new Map(list.rows.filter((row) => row.over || row.conflict).map((row) => [row.id, row]));
  cursor = page.cursor;
  total = cursor ? page.total : page.rows.length;
  decided.clear();
  list.replace(page.rows.map((row) => kept.get(row.id) ?? row));
  $("#fresh").hidden = true;
  $("#scroller").hidden = !page.rows.length;
  $("#empty")?.remove();
  go(0, { focus: false });
  count();
  look();
}

/* Selection */

function select(row, on = !selection.has(row.id)) {
  if (on) selection.add(row.id);
  else selection.delete(row.id);
  everything = false;
  list.refresh(row.id);
  bulk();
}

function clearSelection() {
  selection.clear();
  everything = false;
  list.refreshAll();
  bulk();
}

function bulk() {
  $("#bulk").hidden = !selection.size && !everything;
  $("#selected").textContent = everything ? say("all_fit", { n: number(left()) }) : say("selected", { n: number(selection.size) });
  $("#all").hidden = everything || blind || first.tab === "sample";
  $("#all").textContent = say("all_fit", { n: number(left()) });
}

/* Tags, names, notes */

let entering = "";

function enter(kind) {
  if (!may || blind || (!list.current && !selection.size)) return;
  entering = kind;
  const input = $("#entry-text");
  const now = list.current ? said(list.current) : {};
  $("#entry-label").textContent = $(`#entry-${kind}`).textContent;
  input.value = selection.size || everything ? "" : { tag: (now.tags ?? []).join(", "), assign: now.assigned || me, note: now.note }[kind] ?? "";
  input.setAttribute("list", { tag: "tags", assign: "people", note: "" }[kind]);
  $("#entry").hidden = false;
  input.focus();
  input.select();
}

function entered(event) {
  event.preventDefault();
  const text = $("#entry-text").value.trim();
  const change = {
    tag: () => ({ tags: [...new Set(text.split(",").map((tag) => tag.trim().replace(/^#/, "").toLowerCase().slice(0, 60)).filter(Boolean))].slice(0, 20) }),
    assign: () => ({ assigned: text.slice(0, 60) }),
    note: () => ({ note: text.slice(0, 2000) }),
  }[entering]();
  const word = { tag: say("tagged", { what: (change.tags ?? []).join(", ") }), assign: text ? say("assigned", { who: text }) : WORDS.unassigned, note: WORDS.noted }[entering];
  leave();
  if (armed) return stroke({ story_of: armed.id, change: { mention_id: "all", ...change } }, armed);
  if (everything) return sayOfAll("", change, word);
  remember(chosen().map((row) => keep(row, change)));
  if (selection.size) clearSelection();
  look();
  announce(word);
}

function leave() {
  $("#entry-text").blur();
  $("#entry").hidden = true;
  entering = "";
  list.go(list.index);
}

/* Hiding */

async function hide(key, hidden = true) {
  const who = key.includes(":") ? key.slice(key.indexOf(":") + 1) : key;
  if (hidden && !await sure(say(key.includes(":") ? "sure_author" : "sure_source", { who }))) return;
  announce(WORDS.hiding);
  try {
    await ask("/api/v1/hidden", { key, hide: hidden });
  } catch (error) {
    return announce(say("refused", { why: error.message }));
  }
  if (hidden) history.push({ shown: key });
  for (const row of list.rows) {
    if (row.author_key !== key && row.source !== key) continue;
    row.mark = hidden ? say("hidden", { who }) : "";
    if (hidden) decided.add(row.id); else decided.delete(row.id);
  }
  list.refreshAll();
  count();
  announce(say(hidden ? "hidden" : "shown", { who }));
  if (hidden) onward();
}

function sure(text) {
  const dialog = $("#sure");
  $("#sure-text").textContent = text;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => { list.go(list.index); resolve(dialog.returnValue === "yes"); }, { once: true }));
}

/* What the labels teach, beside the sample */

let learning = 0;
function learnSoon() {
  if (!$("#learnt") || first.tab !== "sample") return;
  clearTimeout(learning);
  learning = setTimeout(async () => {
    const answer = await fetch(location.href).catch(() => null);
    if (!answer?.ok) return;
    const fresh = $("#learnt", new DOMParser().parseFromString(await answer.text(), "text/html"));
    const old = $("#learnt");
    if (!fresh || old.contains(document.activeElement)) return;
    $$("details", old).forEach((one, n) => { const other = $$("details", fresh)[n]; if (other) other.open = one.open; });
    old.replaceWith(fresh);
  }, 900);
}

/* Keys and clicks */

const acts = {
  neg: () => decide("neg"), neu: () => decide("neu"), pos: () => decide("pos"),
  relevance: () => decide("relevance"), done: () => decide("done"), spam: () => decide("spam"),
  tag: () => enter("tag"), assign: () => enter("assign"), note: () => enter("note"),
  story: arm, undo,
  hide: () => list.current?.author_key && hide(list.current.author_key),
  "hide-source": () => list.current && hide(list.current.source),
  theirs: () => { list.current.conflict = null; list.refresh(list.current.id); quicker(); look(); },
  ours: () => {
    const row = list.current;
    const { mention_id, seen, at, ...change } = row.conflict.sent;
    remember([keep(row, change)]);
    quicker();
    look();
  },
};
const KEYS = {
  j: () => go(list.index + 1), k: () => go(list.index - 1), ArrowDown: () => go(list.index + 1), ArrowUp: () => go(list.index - 1),
  1: acts.neg, 2: acts.neu, 3: acts.pos, r: acts.relevance, e: acts.done, s: acts.spam,
  t: acts.tag, a: acts.assign, n: acts.note, S: acts.story, u: undo, z: undo, h: acts.hide,
  x: () => list.current && select(list.current),
  o: () => list.current?.url && open(list.current.url, "_blank", "noopener,noreferrer"),
  Enter: () => { if (list.current) location.assign(`/mentions/${encodeURIComponent(list.current.id)}`); },
  "?": () => $("#help").showModal(),
  Escape: () => { disarm(); if (selection.size || everything) clearSelection(); },
};
const STORED = "veille.triage.keys";
let keysOn = localStorage.getItem(STORED) !== "off";

function typing(target) {
  return target.isContentEditable || target.closest("textarea, select, dialog, input:not([type=checkbox])");
}

function key(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.key === "Escape" && entering) return leave();
  if (typing(event.target)) return;
  if (!keysOn && event.key !== "?") return;
  const own = event.target.closest("button, a, summary, input, label");
  if (own && (event.key === "Enter" || event.key === " ")) return;
  const inList = event.target.closest("#rows") || event.target === document.body;
  if (event.key.startsWith("Arrow") && !inList) return;
  const what = Object.hasOwn(KEYS, event.key) ? KEYS[event.key] : null;
  if (!what) return;
  event.preventDefault();
  what();
}

function clicked(event) {
  const act = event.target.closest("[data-act]");
  if (act) { acts[act.dataset.act]?.(); return; }
  const row = event.target.closest("#rows article");
  if (!row) return;
  const index = list.places.get(row.dataset.id);
  if (event.target.closest(".pick")) {
    if (event.target.matches("input")) select(list.rows[index], event.target.checked);
    return;
  }
  go(index);
}

/* What is new meanwhile */

async function poll() {
  if (document.hidden || outbox.lost || !["queue", "mine", "unassigned", "all"].includes(first.tab)) return;
  try {
    const page = await (await ask(`${first.more}${first.more.includes("?") ? "&" : "?"}limit=50`)).json();
    const fresh = page.rows.filter((row) => !list.places.has(row.id)).length;
    $("#fresh").textContent = say("new", { n: number(fresh) });
    $("#fresh").hidden = !fresh || !list.rows.length;
    if (fresh && !list.rows.length) await anew();
  } catch { /* the outbox tells when it matters */ }
}

async function undecided() { // a sample is gone on with where it was left
  for (;;) {
    const next = list.rows.findIndex((row) => !settled(row));
    if (next >= 0) return go(next, { focus: document.activeElement === document.body || Boolean(document.activeElement.closest("#rows")) });
    if (!cursor || list.rows.length > 3000) return undefined;
    more();
    await fetching;
  }
}

async function countLate() { // counting took longer than the page could wait
  if (first.total !== null || !first.cursor) return;
  const page = await (await ask(`${first.more}${first.more.includes("?") ? "&" : "?"}limit=1`)).json();
  total = page.total;
  $("#total").textContent = number(left());
  list.refreshAll();
  look();
}

function start() {
  $("#scroller").hidden = !first.rows.length;
  list.measure();
  list.append(first.rows);
  if (first.rows.length) go(0, { focus: document.activeElement === document.body });
  if (first.tab === "sample") undecided().catch(() => {});
  sync(outbox.size ? "saving" : "live", outbox.size ? say("saving", { n: outbox.size }) : WORDS.saved);
  for (const [id, change] of [...outbox.waiting, ...outbox.sending]) { // decided before, not sent yet
    const row = list.row(id);
    if (row) { row.over = { ...change }; if (blind) row.mark = wordOf[change.sentiment] ?? WORDS.irrelevant; }
  }
  bulk();
  $("#help-button").hidden = false;
  $("#help-button").addEventListener("click", KEYS["?"]);
  $("#use-keys").checked = keysOn;
  $("#use-keys").addEventListener("change", (event) => {
    keysOn = event.target.checked;
    localStorage.setItem(STORED, keysOn ? "on" : "off");
  });
  $("#fresh").addEventListener("click", anew);
  $("#all").addEventListener("click", () => { everything = true; bulk(); });
  $("[data-bulk=none]").addEventListener("click", clearSelection);
  $("#entry")?.addEventListener("submit", entered);
  $("#entry-cancel")?.addEventListener("click", leave);
  $("form.filters").addEventListener("submit", (event) => { for (const input of $$("input[name]", event.target)) input.disabled ||= !input.value; });
  addEventListener("pageshow", () => { for (const input of $$("form.filters input:disabled")) input.disabled = false; });
  document.addEventListener("keydown", key);
  document.addEventListener("click", clicked);
  document.addEventListener("click", (event) => { for (const menu of $$("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false; });
  countLate().catch(() => {});
  setInterval(poll, POLL);
  document.addEventListener("visibilitychange", poll);
  document.body.dataset.ready = "yes";
}

start();
