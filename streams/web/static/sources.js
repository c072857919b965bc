// Keeps the page of sources fresh: asks for its parts every few seconds, never the whole page.
import { $, $$ } from "./veille-core.js";

const ROUTINE = 5000; // ms
const PENDING = 1500; // ms until what is being worked out is asked for again

let timer = 0;

function again(wait) {
  clearTimeout(timer);
  timer = setTimeout(refresh, wait);
}

function show(state) {
  const sign = $("#live");
  if (!sign || sign.dataset.state === state) return;
  sign.dataset.state = state;
  $(".word", sign).textContent = sign.dataset[state];
}

async function refresh() {
  if (document.hidden) return;
  try {
    const answer = await fetch(`/sources/parts${location.search}`, { headers: { Accept: "text/html" } });
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    place(new DOMParser().parseFromString(await answer.text(), "text/html"));
    show("live");
  } catch {
    show("lost");
  }
  again($("[data-pending]") ? PENDING : ROUTINE);
}

function place(fresh) {
  for (const part of $$("[data-part]", fresh)) {
    const old = $(`[data-part="${part.dataset.part}"]`);
    if (!old || old.innerHTML === part.innerHTML) continue;
    if (old.contains(document.activeElement)) continue; // never take the focus away
    const open = $$("details", old).map((one) => one.open);
    old.replaceWith(part);
    $$("details", part).forEach((one, index) => { one.open = open[index] ?? one.open; });
  }
}

again($("[data-pending]") ? PENDING : ROUTINE);
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
