// Draws the charts of a page: every `.plot[data-spec]`, at its width and in the page's theme.
// Without it the server draws them. `document.dispatchEvent(new Event("draw"))` looks again.
import { onTheme, theme } from "./veille-core.js";

const { body, documentElement: root } = document;
const drawn = new Map();

function config() { // its words as large as the page's
  const found = JSON.parse(body.dataset.themes)[theme()];
  found.axis.labelFontSize *= parseFloat(getComputedStyle(root).fontSize) / 16;
  return found;
}

async function draw(plot) {
  if (!plot.clientWidth || !plot.isConnected) return; // hidden: drawn when it is shown
  await import(body.dataset.vega);
  const { spec } = plot.dataset;
  const state = `${theme()} ${plot.clientWidth} ${plot.clientHeight}`;
  const before = drawn.get(plot);
  if (before?.state === state && before.spec === spec) return;
  const definition = JSON.parse(spec);
  const fresh = document.createElement("div");
  fresh.className = "plot";
  plot.classList.add("drawing");
  fresh.style.width = `${plot.clientWidth}px`;
  const height = body.classList.contains("wall") ? plot.clientHeight : definition.height;
  const result = await window.vegaEmbed(fresh, { ...definition, width: plot.clientWidth, height }, {
    actions: false, ast: true, config: config(), defaultStyle: false,
    renderer: "canvas", tooltip: { disableDefaultStyle: true },
  });
  fresh.setAttribute("role", "img");
  fresh.setAttribute("aria-label", plot.dataset.label);
  plot.replaceChildren(fresh);
  before?.result.finalize();
  drawn.set(plot, { state, spec, result });
  plot.dataset.drawn = "yes";
}

function drawnByServer(plot, error) {
  console.error("chart:", error);
  const image = new Image();
  const url = new URL(plot.dataset.src, location.href);
  url.searchParams.set("theme", theme());
  image.src = url.href;
  image.alt = plot.dataset.label;
  image.className = "drawn";
  plot.replaceChildren(image);
}

let drawing = Promise.resolve();

function drawAll() {
  for (const plot of document.querySelectorAll(".plot[data-spec]")) {
    drawing = drawing.then(() => draw(plot)).catch((error) => drawnByServer(plot, error));
  }
  for (const [plot, { result }] of drawn) {
    if (!plot.isConnected) { result.finalize(); drawn.delete(plot); }
  }
}

drawAll();
onTheme(drawAll);
document.addEventListener("draw", drawAll);
let resizing = 0;
addEventListener("resize", () => {
  clearTimeout(resizing);
  resizing = setTimeout(drawAll, 150);
});
