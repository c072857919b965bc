// Keeps the page of sources fresh: asks for its parts every few seconds, never the whole page.
import { $, $$ } from "./veille-core.js";
import { held, keep, parts, show, swap } from "./live.js";

const ROUTINE = 5000; // ms
const PENDING = 1500; // ms until what is being worked out is asked for again

function place(fresh) {
  for (const part of $$("[data-part]", fresh)) {
    const old = $(`[data-part="${part.dataset.part}"]`);
    if (old && old.innerHTML !== part.innerHTML && !held(old)) swap(old, part);
  }
  show("live");
  waitForPending();
}

function waitForPending() {
  if ($("[data-pending]")) refresh(PENDING);
}

const refresh = parts("/sources/parts", place, ROUTINE);
waitForPending();
keep(refresh, ROUTINE);
