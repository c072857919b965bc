// A row of the queue and the panel beside it, drawn from what the server told. All of a post's
// words are set as text, never as markup.

const SIGNS = { neg: "▼", neu: "■", pos: "▲", unscored: "?" };
const HTML = document.documentElement;
export const WORDS = JSON.parse(document.body.dataset.words);
export const say = (name, values = {}) => (WORDS[name] ?? name).replace(/\{(\w+)\}/g, (all, key) => values[key] ?? all);

const whole = new Intl.NumberFormat(HTML.lang);
const short = new Intl.NumberFormat(HTML.lang, { notation: "compact", maximumFractionDigits: 1 });
const ahead = new Intl.RelativeTimeFormat(HTML.lang, { style: "short" });
const dated = new Intl.DateTimeFormat(HTML.lang === "en" ? "en-GB" : HTML.lang, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", timeZone: HTML.dataset.zone || "UTC", timeZoneName: "short" });
export const number = (n) => whole.format(n);

function ago(at, now) {
  const seconds = (now - at) / 1000;
  for (const [size, unit] of [[31_557_600, "year"], [86_400, "day"], [3_600, "hour"], [60, "minute"]]) {
    if (Math.abs(seconds) >= size) return ahead.format(-Math.trunc(seconds / size), unit);
  }
  return ahead.format(-0, "minute");
}

const element = (name, className) => {
  const made = document.createElement(name);
  made.className = className;
  return made;
};

function pieces(holder, list) { // [["text", matched], …]
  if (list.length === 1 && !list[0][1]) { holder.textContent = list[0][0]; return; }
  holder.replaceChildren(...list.map(([text, met]) => {
    if (!met) return text;
    const mark = document.createElement("mark");
    mark.textContent = text;
    return mark;
  }));
}

/* What counts for a row: the label with what was decided here laid over it */

export function said(row) {
  const label = row.label ?? {};
  const over = row.over ?? {};
  const at = (name, none) => (name in over ? over[name] : label[name] ?? none);
  const cleared = over.clear ? {} : label;
  return {
    sentiment: ("sentiment" in over ? over.sentiment : cleared.sentiment) ?? row.computed,
    relevant: at("relevant", null), spam: at("spam", false), done: at("done", false),
    tags: at("tags", []), assigned: at("assigned", ""), note: at("note", ""),
  };
}

export function verdict(row) {
  const now = said(row);
  if (now.spam) return WORDS.spam;
  if (now.relevant === false) return WORDS.irrelevant;
  return WORDS[now.sentiment] ?? WORDS.relevant;
}

export function labelWords(label, computed) {
  return verdict({ label, computed });
}

const why = (part, row) => {
  const word = part.what === "reach" && row.followers ? say("reach", { n: short.format(row.followers) })
    : part.what === "unscored" ? WORDS.not_scored : WORDS[part.what] ?? part.what;
  return `${word} ${say("hours", { n: Math.round(part.hours) })}`;
};

/* The row */

export function makeRow() {
  const article = element("article", "row");
  article.tabIndex = -1;
  const box = element("label", "pick");
  const check = element("input", "");
  check.type = "checkbox";
  check.tabIndex = -1;
  check.setAttribute("aria-label", WORDS.select);
  box.append(check);
  const meta = element("p", "meta");
  const parts = { mood: element("span", "mood"), author: element("bdi", "author"), followers: element("span", "quiet followers"), source: element("span", "quiet source"), time: element("time", "quiet"), state: element("span", "outcome") };
  meta.append(...Object.values(parts));
  const text = element("p", "text");
  text.dir = "auto";
  const foot = element("p", "foot-line");
  const worth = element("span", "worth quiet");
  const badges = element("span", "badges");
  foot.append(worth, badges);
  article.append(box, meta, text, foot);
  article.parts = { ...parts, check, text, worth, badges };
  return article;
}

export function fillRow(article, row, index, { total, selected, me }) {
  const p = article.parts;
  const now = said(row);
  const decided = row.mark || (now.done && !row.blind);
  article.dataset.id = row.id;
  article.className = `row ${row.blind ? "blind" : now.sentiment}${decided ? " decided" : ""}${row.conflict ? " quicker" : ""}${article.classList.contains("current") ? " current" : ""}${row.pending ? " pending" : ""}`;
  article.setAttribute("aria-posinset", index + 1);
  article.setAttribute("aria-setsize", total);
  p.check.checked = selected;
  p.mood.className = `mood ${row.blind ? "" : now.sentiment}`;
  p.mood.textContent = row.blind ? "" : `${SIGNS[now.sentiment]} ${WORDS[now.sentiment]}`;
  p.author.textContent = row.author || WORDS.unknown;
  p.followers.textContent = row.followers ? say("followers", { n: short.format(row.followers) }) : "";
  p.source.textContent = row.source;
  p.time.dateTime = row.created_at;
  p.time.textContent = row.agoText ??= ago(Date.parse(row.created_at), Date.now());
  p.state.textContent = row.conflict ? say("conflict", { who: row.conflict.label?.by || WORDS.someone, what: labelWords(row.conflict.label, row.computed) })
    : row.mark ? `✓ ${row.mark}`
    : decided ? `✓ ${say("decided_by", { what: verdict(row), who: whose(row, me) })}` : "";
  if (row.title.length) pieces(p.text, [...row.title, [" · ", false], ...row.text]);
  else if (row.text.length) pieces(p.text, row.text);
  else p.text.textContent = WORDS.no_text;
  p.worth.textContent = row.why.map((part) => why(part, row)).join(" · ");
  p.badges.textContent = [...now.tags.map((tag) => `#${tag}`), now.assigned ? `→ ${now.assigned}` : "", now.note ? "✎" : ""].filter(Boolean).join("  ");
}

function whose(row, me) {
  const by = row.over ? me : row.label?.by;
  return !by ? WORDS.someone : by === me ? WORDS.you : by;
}

/* The panel beside the list */

const panel = document.querySelector("#detail");
const fields = Object.fromEntries([...document.querySelectorAll("#detail [data-f]")].map((one) => [one.dataset.f, one]));

export function fillDetail(row, { me, topicName }) {
  panel.hidden = !row;
  if (!row) return;
  const f = fields;
  const now = said(row);
  f.mood.className = `mood ${row.blind ? "" : now.sentiment}`;
  f.mood.textContent = row.blind ? "" : `${SIGNS[now.sentiment]} ${WORDS[now.sentiment]}`;
  f.author.textContent = row.author || WORDS.unknown;
  f.handle.textContent = row.handle && row.handle !== row.author ? `@${row.handle}` : "";
  f.followers.textContent = row.followers ? say("followers", { n: number(row.followers) }) : "";
  f.source.textContent = row.source;
  f.place.textContent = row.place;
  f.time.dateTime = row.created_at;
  f.time.textContent = dated.format(new Date(row.created_at));
  f.title.hidden = !row.title.length;
  pieces(f.title, row.title);
  if (row.text.length) pieces(f.text, row.text);
  else f.text.textContent = row.title.length ? "" : WORDS.no_text;
  f.cut.textContent = row.cut ? say("cut", { n: number(row.cut) }) : "";
  f.topic.textContent = topicName(row.topic);
  f.topic.href = `/mentions?topic=${encodeURIComponent(row.topic)}`;
  f.lang.textContent = row.lang;
  f.counts.textContent = row.counts.join(" · ");
  f["why-box"].hidden = !row.why.length;
  f.why.replaceChildren(...row.why.map((part) => { const li = document.createElement("li"); li.textContent = why(part, row); return li; }));
  f.scored.textContent = row.reason || row.scored;
  f.said.textContent = row.blind || !(row.label?.by || row.over) ? "" : [now.done ? say("decided_by", { what: verdict(row), who: whose(row, me) }) : "", ...now.tags.map((tag) => `#${tag}`), now.assigned ? say("assigned", { who: now.assigned }) : "", now.note].filter(Boolean).join(" · ");
  f.conflict.hidden = !row.conflict;
  if (row.conflict) f["conflict-said"].textContent = say("conflict_said", { who: row.conflict.label?.by || WORDS.someone, what: labelWords(row.conflict.label, row.computed) });
  f.original.hidden = !row.url;
  if (row.url) f.original.href = row.url;
  f.page.href = `/mentions/${encodeURIComponent(row.id)}`;
}
