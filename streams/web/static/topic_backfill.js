// Back-fills while they run: what was found so far, asked for once a second while one is under way.
async function follow() {
  const jobs = document.querySelector("#jobs");
  if (!jobs || jobs.dataset.going === "0") return;
  try {
    const answer = await fetch(`/topics-backfill/parts${location.search}`);
    if (answer.ok) {
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("#jobs");
      const open = [...jobs.querySelectorAll("details")].map((one) => one.open);
      if (fresh && !jobs.contains(document.activeElement)) {
        fresh.querySelectorAll("details").forEach((one, number) => { one.open = Boolean(open[number]); });
        jobs.replaceWith(fresh);
      } else if (fresh?.dataset.going === "0") {
        jobs.replaceWith(fresh);
      }
    }
  } catch { /* asked again */ }
  setTimeout(follow, 1000);
}
follow();
