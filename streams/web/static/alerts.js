// Charts of incidents and back-tests, and the slider between answers that the page has already.
// Without it the server draws the charts, and a form with a menu chooses the answer.
const body = document.body;
const dark = matchMedia("(prefers-color-scheme: dark)");
const drawn = new Map();

async function draw(plot) {
  if (!plot.clientWidth) return; // hidden: drawn when it is shown
  await import(body.dataset.vega);
  const theme = dark.matches ? "dark" : "light";
  const state = `${theme} ${plot.clientWidth}`;
  if (plot.dataset.drawn === state) return;
  const fresh = document.createElement("div");
  fresh.className = "plot";
  plot.classList.add("drawing");
  fresh.style.width = `${plot.clientWidth}px`;
  const spec = { ...JSON.parse(plot.dataset.spec), width: plot.clientWidth };
  const result = await window.vegaEmbed(fresh, spec, {
    actions: false, ast: true, config: JSON.parse(body.dataset.themes)[theme], defaultStyle: false,
    renderer: "canvas", tooltip: { disableDefaultStyle: true },
  });
  fresh.setAttribute("role", "img");
  fresh.setAttribute("aria-label", plot.dataset.label);
  plot.replaceChildren(fresh);
  drawn.get(plot)?.finalize();
  drawn.set(plot, result);
  plot.dataset.drawn = state;
}

function drawnByServer(plot, error) {
  console.error("chart:", error);
  const image = new Image();
  const url = new URL(plot.dataset.src, location.href);
  url.searchParams.set("theme", dark.matches ? "dark" : "light");
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
}

function slide() {
  const slider = document.querySelector("#slider");
  const answers = [...document.querySelectorAll("[data-answer]")];
  if (!slider || !answers.length) return;
  const show = () => {
    const chosen = answers[Number(slider.value)];
    for (const one of answers) one.hidden = one !== chosen;
    const name = chosen.dataset.answer;
    slider.setAttribute("aria-valuetext", name);
    document.querySelector("#slide output").textContent = name;
    document.querySelector("#heard").textContent = chosen.querySelector(".verdict").textContent;
    document.querySelector("#ask select[name=sensitivity]").value = name;
    const url = new URL(location.href);
    url.searchParams.set("sensitivity", name);
    history.replaceState(null, "", url);
    drawAll();
  };
  document.querySelector("#slide").hidden = false;
  document.querySelector("#ask .choice").hidden = true;
  slider.addEventListener("input", show);
}

slide();
drawAll();
dark.addEventListener("change", drawAll);
let resizing = 0;
addEventListener("resize", () => {
  clearTimeout(resizing);
  resizing = setTimeout(drawAll, 150);
});
