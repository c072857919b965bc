// The editor of a topic: colours and the error under the caret from the server's own lexer, what the
// query would catch while it is typed, and work that is never lost. Without it, the button Check does
// the same on the server.
let form = document.querySelector("#topic");
const PAUSE = 300;
const COLOUR_PAUSE = 60;

function later(wait, work) {
  let timer;
  return () => { clearTimeout(timer); timer = setTimeout(work, wait); };
}

/** Asks, one question at a time: a newer one makes the older one's answer be dropped. */
function asker() {
  let last;
  return async (url, options) => {
    last?.abort();
    const mine = last = new AbortController();
    try {
      const answer = await fetch(url, { ...options, signal: mine.signal });
      const body = await answer.text();
      return mine === last ? { answer, body } : null;
    } catch (error) {
      if (error.name === "AbortError" || mine !== last) return null;
      return { error };
    }
  };
}

/** A field of the topic; their names begin so, for a form's own `id` and `matches` are others. */
function field(name) {
  return form.elements[`topic-${name}`];
}

function values() {
  return new URLSearchParams(new FormData(form));
}

/* Colours: a layer of the same text under a text area whose letters are clear. */
function coloured() {
  const area = form.querySelector("#query");
  const code = form.querySelector("#code");
  const paint = code.querySelector(".paint");
  const complaint = form.querySelector("#complaint");
  const ask = asker();

  function show(tokens, at) {
    const text = area.value;
    const pieces = [];
    let done = 0;
    const put = (from, to, name) => {
      if (from >= to) return;
      const piece = document.createElement("span");
      piece.textContent = text.slice(from, to);
      if (name) piece.className = `t-${name}`;
      if (at >= from && at < to) piece.classList.add("here");
      pieces.push(piece);
    };
    for (const [from, to, name] of tokens) {
      put(done, from, "");
      put(from, to, name);
      done = to;
    }
    put(done, text.length, "");
    if (at >= text.length) {
      const end = document.createElement("span");
      end.className = "here";
      end.textContent = " ";
      pieces.push(end);
    }
    pieces.push("\n");
    paint.replaceChildren(...pieces);
  }

  async function refresh() {
    const text = area.value;
    const found = await ask("/api/v1/topics/tokens", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({
        query: text, operator: field("operator").value, stem: field("stem").checked,
        elision: field("elision").checked,
      }),
    });
    if (!found || found.error || !found.answer.ok || area.value !== text) return;
    const { tokens = [], error = "", at = -1 } = JSON.parse(found.body);
    show(tokens, at);
    complaint.textContent = error;
    area.setAttribute("aria-invalid", error ? "true" : "false");
  }

  function plain() { // at once, so that no letter is ever out of sight
    show([], -1);
    code.classList.add("painted");
    paint.scrollTop = area.scrollTop;
  }
  plain();
  refresh();
  const soon = later(COLOUR_PAUSE, refresh);
  area.addEventListener("input", () => { recoloured(); soon(); });
  area.addEventListener("scroll", () => { paint.scrollTop = area.scrollTop; });
  for (const one of [field("operator"), field("stem"), field("elision")]) one.addEventListener("change", soon);

  /** Keep the colours of what stays before and after the change until the answer comes. */
  function recoloured() {
    const old = paint.textContent.slice(0, -1), now = area.value;
    let head = 0;
    while (head < old.length && head < now.length && old[head] === now[head]) head += 1;
    let tail = 0;
    while (tail < Math.min(old.length, now.length) - head && old.at(-1 - tail) === now.at(-1 - tail)) tail += 1;
    const tokens = [];
    let at = 0;
    for (const piece of paint.querySelectorAll("span")) {
      const from = at, to = at += piece.textContent.length;
      const name = piece.className.match(/t-(\w+)/)?.[1];
      if (!name) continue;
      if (to <= head) tokens.push([from, to, name]);
      else if (from >= old.length - tail) tokens.push([from + now.length - old.length, to + now.length - old.length, name]);
    }
    show(tokens, -1);
  }
}

/* What the query would catch. */
function previewed() {
  const panel = document.querySelector("#preview");
  const ask = asker();
  let shown = "";

  async function refresh() {
    const asked = values();
    asked.delete("note");
    const key = asked.toString();
    if (key === shown || !field("query").value.trim()) return;
    panel.setAttribute("aria-busy", "true");
    if (!panel.querySelector(".facts")) panel.firstElementChild.textContent = panel.dataset.waits;
    const found = await ask("/topics-preview", {
      method: "POST", body: asked, headers: { "X-Requested-With": "fetch" },
    });
    if (!found) return;
    panel.removeAttribute("aria-busy");
    if (found.error || ![200, 400].includes(found.answer.status)) return;
    shown = key;
    const open = [...panel.querySelectorAll("details")].map((one) => one.open);
    panel.replaceChildren(...new DOMParser().parseFromString(found.body, "text/html").body.children);
    panel.querySelectorAll("details").forEach((one, number) => { one.open = Boolean(open[number]); });
    panel.dataset.shown = field("query").value;
  }
  refresh();
  const soon = later(PAUSE, refresh);
  form.addEventListener("input", soon);
  form.addEventListener("change", soon);
}

/* Work that outlives a lost connection, a conflict, a login that ran out. */
function kept() {
  const place = `veille.topic.${form.dataset.topic}`;
  const fields = [...form.elements].filter((one) => one.name && !["hidden", "submit"].includes(one.type) && one.name !== "do");
  const read = () => JSON.stringify(fields.map((one) => (one.type === "checkbox" ? one.checked : one.value)));
  const before = read();
  const banner = document.querySelector("#kept");
  const state = form.querySelector("#state");
  const storage = (work) => { try { return work(localStorage); } catch { return null; } };

  if (document.querySelector("#told")) storage((some) => some.removeItem(place));
  if (document.querySelector("#told")) storage((some) => some.removeItem("veille.topic."));
  const old = storage((some) => JSON.parse(some.getItem(place) ?? "null"));
  if (old && old.values !== before) {
    banner.hidden = false;
    banner.firstElementChild.textContent = `${banner.dataset.said} ${new Date(old.at).toLocaleString(document.documentElement.lang)}.`;
  }
  banner.addEventListener("click", ({ target }) => {
    if (target.dataset.do === "restore") {
      JSON.parse(old.values).forEach((value, number) => {
        const one = fields[number];
        if (one?.type === "checkbox") one.checked = Boolean(value);
        else if (one) one.value = String(value);
      });
      field("query").dispatchEvent(new Event("input", { bubbles: true }));
    } else if (target.dataset.do === "discard") {
      storage((some) => some.removeItem(place));
    } else return;
    banner.hidden = true;
  });

  function keep() {
    const now = read();
    state.textContent = now === before ? "" : state.dataset.dirty;
    if (now === before) storage((some) => some.removeItem(place));
    else storage((some) => some.setItem(place, JSON.stringify({ at: Date.now(), values: now })));
  }
  form.addEventListener("input", keep);
  form.addEventListener("change", keep);
}

/* Sending the form without leaving the page, so that nothing is lost where it can't be sent. */
function sent() {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const unsent = document.querySelector("#unsent");
    const button = event.submitter;
    const body = new URLSearchParams(new FormData(form, button));
    const tell = (what) => {
      unsent.hidden = false;
      unsent.firstElementChild.textContent = unsent.dataset[what];
      unsent.querySelector("a").hidden = what !== "login";
      unsent.scrollIntoView({ block: "nearest" });
    };
    if (button) button.disabled = true;
    try {
      const answer = await fetch(form.action, { method: "POST", body });
      const page = await answer.text();
      const place = new URL(answer.url);
      if (place.pathname === "/login" || answer.status === 401) tell("login");
      else if (answer.redirected) location.assign(answer.url);
      else if ([200, 400, 409].includes(answer.status)) put(page);
      else tell("refused");
    } catch {
      tell("lost");
    } finally {
      if (button) button.disabled = false;
    }
  });
}

/** The page that the server answered, in the place of this one: what is written stays in its form. */
function put(page) {
  const fresh = new DOMParser().parseFromString(page, "text/html").querySelector("#main");
  if (!fresh) return;
  document.querySelector("#main").replaceWith(fresh);
  start(document.querySelector("#topic"));
  document.querySelector("[role=alert]:not([hidden])")?.scrollIntoView({ block: "nearest" });
}

function start(found) {
  form = found;
  if (!form) return;
  if (form.dataset.preview) {
    coloured();
    previewed();
  }
  kept();
  sent();
}

start(form);

/* The whole file: one of the visitor's own, read here and put into the form. */
for (const chosen of document.querySelectorAll("#file")) {
  chosen.closest(".scripted").hidden = false;
  chosen.addEventListener("change", async () => {
    if (chosen.files[0]) document.querySelector("#text").value = await chosen.files[0].text();
  });
}
