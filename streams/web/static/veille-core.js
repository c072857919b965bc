// What the pages' scripts share: words, times, requests that keep the reader's work, toasts,
// dialogs, the theme, and the banner of a lost connection. It is imported by its plain name, which
// the server rewrites to one that holds its contents' hash.
export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

const html = document.documentElement;
export const language = html.lang || "en";
export const zone = html.dataset.zone || "UTC";
export const csrf = $('meta[name="csrf"]')?.content ?? "";

/* Words: English is what the code says, the module of words has the others. */

const { messages, form } = await import(html.dataset.words);

function filled(message, values) {
  return message.replace(/%(?:\((\w+)\)s|%)/g, (sign, name) => (name ? String(values[name] ?? sign) : "%"));
}

/** The message in the reader's language; `%(name)s` stands for a value, `%%` for a percent sign. */
export function _(message, values = {}) {
  return filled(messages[message]?.[0] ?? message, values);
}

/** Likewise the form that goes with `n`, which is the value `n` where none is given. */
export function ngettext(one, many, n, values = {}) {
  const forms = messages[one];
  const said = forms?.[form(n)] ?? (n === 1 ? one : many);
  return filled(said, { n: number(n), ...values });
}

const figures = new Intl.NumberFormat(language === "en" ? "en-GB" : language, { maximumFractionDigits: 1 });

/** A figure in groups of three that never break. */
export function number(n) {
  return figures.formatToParts(n).map(({ type, value }) => (type === "group" ? "\u202f" : value)).join("");
}

/* Times: the server writes them by the reader's zone; only how long ago it is changes. */

export function ago(seconds) {
  if (seconds < -60) return _("in the future");
  if (seconds < 60) return _("just now");
  if (seconds < 3600) return _("%(n)s min ago", { n: Math.floor(seconds / 60) });
  if (seconds < 86400) return _("%(n)s h ago", { n: Math.floor(seconds / 3600) });
  return _("%(n)s d ago", { n: Math.floor(seconds / 86400) });
}

export function showTimes(root = document) {
  const now = Date.now();
  for (const past of $$("time[datetime] > [data-ago]", root)) {
    const at = Date.parse(past.parentElement.dateTime);
    const said = Number.isNaN(at) ? "" : ago((now - at) / 1000);
    if (said && past.textContent !== said) past.textContent = said;
  }
}

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: zone });
const dated = new Intl.DateTimeFormat(language === "en" ? "en-GB" : language, { day: "numeric", month: "short", year: "numeric", timeZone: zone });

/** A moment as the server writes it: `31 Mar 2026, 16:00`. */
export function moment(at) {
  return `${dated.format(at)}, ${clock.format(at)}`;
}

/* The browser's zone, for who has chosen none: told once, by a cookie, and never over the address. */

function tellZone() {
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!here || html.dataset.zoneFrom === "chosen" || here === zone) return;
  const cookie = `veille_browser_zone=${here}`;
  if (document.cookie.split("; ").includes(cookie)) return; // told before, and not believed
  document.cookie = `${cookie}; path=/; max-age=31536000; samesite=lax`;
  if (document.cookie.split("; ").includes(cookie)) location.reload();
}

/* Theme: `auto` follows the system. */

const system = matchMedia("(prefers-color-scheme: dark)");

export function theme() {
  const chosen = html.dataset.theme;
  return chosen === "light" || chosen === "dark" ? chosen : system.matches ? "dark" : "light";
}

export function onTheme(react) {
  system.addEventListener("change", react);
}

/* Requests. A failed one throws a `Trouble` that says what happened in a sentence; what the reader
   wrote stays where it is. */

export class Trouble extends Error {
  constructor(message, status, body) {
    super(message);
    this.status = status; // 0: nobody answered
    this.body = body;
  }
}

async function request(url, options) {
  let answer;
  try {
    answer = await fetch(url, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    lost(true);
    throw new Trouble(_("Veille does not answer. Your work is kept here: try again in a moment."), 0);
  }
  lost(false);
  if (answer.ok) return answer;
  const body = await answer.json().catch(() => ({}));
  const said = body.error || _("That did not work (%(status)s).", { status: answer.status });
  throw new Trouble(said, answer.status, body);
}

/** JSON by GET. `options` are those of `fetch`. */
export async function get(url, options = {}) {
  return (await request(url, { headers: { Accept: "application/json" }, ...options })).json();
}

/** JSON by POST (or another method), answered with JSON; nothing where the answer is empty. */
export async function send(url, body, { method = "POST", ...options } = {}) {
  const headers = { "Content-Type": "application/json", Accept: "application/json", "X-CSRF-Token": csrf };
  const answer = await request(url, { method, headers, body: JSON.stringify(body), ...options });
  const text = await answer.text();
  return text ? JSON.parse(text) : null;
}

/** A page or a part of one as a document. */
export async function fragment(url, options = {}) {
  const answer = await request(url, { headers: { Accept: "text/html" }, ...options });
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

/* The banner of a lost connection */

let banner = null;
let probe = 0;

/** Say that the connection is lost, or that it is back. While it is lost, the server is asked again. */
export function lost(is) {
  if (!is) {
    clearTimeout(probe);
    probe = 0;
    if (banner) {
      banner.remove();
      banner = null;
      document.dispatchEvent(new CustomEvent("veille:back"));
    }
    return;
  }
  if (!banner) {
    banner = document.createElement("p");
    banner.className = "lost";
    banner.setAttribute("role", "alert");
    banner.textContent = _("The connection to Veille is lost. What you wrote is kept; this page tries again by itself.");
    document.body.prepend(banner);
  }
  if (!probe) probe = setTimeout(ask, 3000);
}

async function ask() {
  probe = 0;
  try {
    await fetch("/healthz", { cache: "no-store" });
    lost(false);
  } catch {
    lost(true);
  }
}

/* Toasts: what was done, for some seconds, with a way back. */

/** `action` is `{ label, run }`: a button beside the words. Returns a function that takes it away. */
export function toast(words, { action = null, bad = false, seconds = 8 } = {}) {
  let shelf = $("#toasts");
  if (!shelf) {
    shelf = document.createElement("div");
    shelf.id = "toasts";
    shelf.setAttribute("role", "region");
    shelf.setAttribute("aria-label", _("Messages"));
    shelf.setAttribute("aria-live", "polite");
    document.body.append(shelf);
  }
  const one = document.createElement("div");
  one.className = bad ? "toast bad" : "toast";
  const said = document.createElement("p");
  said.textContent = words;
  one.append(said);
  let timer = 0;
  const away = () => { clearTimeout(timer); one.remove(); };
  const wait = () => { clearTimeout(timer); timer = setTimeout(away, seconds * 1000); };
  if (action) one.append(button(action.label, "second", () => { away(); action.run(); }));
  const close = button("×", "plain", away);
  close.setAttribute("aria-label", _("Close"));
  one.append(close);
  for (const event of ["pointerenter", "focusin"]) one.addEventListener(event, () => clearTimeout(timer));
  for (const event of ["pointerleave", "focusout"]) one.addEventListener(event, wait);
  while (shelf.children.length >= 3) shelf.firstElementChild.remove();
  shelf.append(one);
  wait();
  return away;
}

export function button(label, className, run) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = className;
  made.textContent = label;
  made.addEventListener("click", run);
  return made;
}

/* Dialogs: the browser's own, which keeps the focus and closes on Escape. */

/** A dialog with a heading and `content` (an element or words). Resolves to the value of the button
    that closed it: those of `buttons` (`{ label, value, className }`), `""` for Escape. */
export function dialog(heading, content, buttons = [{ label: _("Close"), value: "" }]) {
  const box = document.createElement("dialog");
  box.className = "dialog";
  const head = document.createElement("h2");
  head.id = `dialog-${Math.random().toString(36).slice(2)}`;
  head.textContent = heading;
  box.setAttribute("aria-labelledby", head.id);
  const row = document.createElement("p");
  row.className = "row";
  for (const { label, value, className = "" } of buttons) row.append(button(label, className, () => box.close(value)));
  const said = typeof content === "string" ? Object.assign(document.createElement("p"), { textContent: content }) : content;
  box.append(head, said, row);
  document.body.append(box);
  const before = document.activeElement;
  return new Promise((resolve) => {
    box.addEventListener("close", () => {
      box.remove();
      before?.focus?.();
      resolve(box.returnValue);
    });
    box.showModal();
  });
}

/** Whether the reader says yes. */
export async function confirm(heading, words, yes) {
  const buttons = [{ label: _("Cancel"), value: "", className: "second" }, { label: yes, value: "yes" }];
  return (await dialog(heading, words, buttons)) === "yes";
}

/* Every page */

function closeMenus(event) {
  for (const menu of $$("details.menu[open]")) {
    if (event.key === "Escape" || (event.type === "click" && !menu.contains(event.target))) {
      if (event.key === "Escape" && menu.contains(document.activeElement)) $("summary", menu).focus();
      menu.open = false;
    }
  }
}

/** No empty fields in the address a form leads to. */
export function trimForm(event) {
  const form = event.target;
  const timed = $$("[name=since], [name=until]", form).some((input) => input.value);
  for (const input of $$("input[name], select[name]", form)) {
    if (!input.value || (input.name === "tz" && "unlessTimed" in input.dataset && !timed)) input.disabled = true;
  }
}

/** On a narrow screen the navigation scrolls: what is open stands in its middle. */
function centre(current) {
  const list = current?.closest("ul");
  if (list) list.scrollLeft = current.offsetLeft - (list.clientWidth - current.offsetWidth) / 2;
}

tellZone();
centre($(".site [aria-current]"));
showTimes();
setInterval(() => { if (!document.hidden) showTimes(); }, 20_000);
document.addEventListener("click", closeMenus);
document.addEventListener("keydown", closeMenus);
document.addEventListener("visibilitychange", () => { if (!document.hidden) showTimes(); });
for (const form of $$('form[method="get"]')) form.addEventListener("submit", trimForm);
addEventListener("pageshow", () => {
  for (const input of $$('form[method="get"] :disabled')) input.disabled = false;
});
for (const list of $$("datalist[data-zones]")) {
  const fill = () => {
    if (list.children.length) return;
    for (const name of Intl.supportedValuesOf("timeZone")) list.append(new Option(name, name));
  };
  $(`[list="${list.id}"]`)?.addEventListener("focus", fill, { once: true });
}
