// Follows the impact of an edit while the rest of the devices is looked at.
"use strict";

addEventListener("DOMContentLoaded", () => {
  const shown = document.querySelector("#controller-impact");
  if (!shown.dataset.url) return;
  const failing = document.querySelector("#controller-impact-form [name=_failing]");
  const follow = async () => {
    const answer = await fetch(shown.dataset.url, { headers: { Accept: "application/json" } }).catch(() => null);
    if (answer?.status === 404) return;
    if (answer?.ok) {
      const found = await answer.json();
      const open = [...shown.querySelectorAll("details")].map((each) => each.open);
      shown.innerHTML = found.report;
      shown.querySelectorAll("details").forEach((each, number) => { each.open = open[number] ?? each.open; });
      failing.value = found.failed;
      if (found.complete) return;
    }
    setTimeout(follow, 1000);
  };
  setTimeout(follow, 500);
});
