// The slider between answers that the page has already. Without it a form with a menu chooses.
function slide() {
  const slider = document.querySelector("#slider");
  const answers = [...document.querySelectorAll("[data-answer]")];
  if (!slider || !answers.length) return;
  const show = () => {
    const chosen = answers[Number(slider.value)];
    for (const one of answers) one.hidden = one !== chosen;
    const name = chosen.dataset.answer;
    const word = chosen.dataset.word;
    slider.setAttribute("aria-valuetext", word);
    document.querySelector("#slide output").textContent = word;
    document.querySelector("#heard").textContent = chosen.querySelector(".verdict").textContent;
    document.querySelector("#ask select[name=sensitivity]").value = name;
    const url = new URL(location.href);
    url.searchParams.set("sensitivity", name);
    history.replaceState(null, "", url);
    document.dispatchEvent(new Event("draw"));
  };
  document.querySelector("#slide").hidden = false;
  document.querySelector("#ask .choice").hidden = true;
  slider.addEventListener("input", show);
}

slide();
