// Follows work in the background, and shows what came of it.
"use strict";

addEventListener("DOMContentLoaded", () => {
  const shown = document.querySelector("#controller-progress");
  const follow = async () => {
    const answer = await fetch(shown.dataset.url, { headers: { Accept: "application/json" } }).catch(() => null);
    if (answer?.ok) {
      const found = await answer.json();
      shown.querySelector("progress").value = found.done;
      shown.querySelector(".done").textContent = found.done;
      if (found.finished) return location.reload();
    }
    setTimeout(follow, 1000);
  };
  setTimeout(follow, 500);
});
