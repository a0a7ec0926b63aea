// Lets each chosen template of a list say which settings of earlier ones it changes. Asked for once the list is shown, and
// again whenever choice or order change; when the server cannot be asked, the rows say nothing.
"use strict";

(() => {
  const { url } = document.currentScript.dataset;
  const LISTS = ".sortedm2m-items";
  let latest = 0;

  const items = (list) => [...list.children];
  const box = (item) => item.querySelector("input[type=checkbox]");

  /** Show a text in one line, so that no row moves; what opens it tells all of it. */
  function put(item, told) {
    item.querySelector(".controller-overlaps")?.remove();
    if (!told) return;
    const shown = document.createElement("details");
    shown.className = "controller-overlaps controller-note";
    const summary = document.createElement("summary");
    summary.textContent = summary.title = told.summary;
    const lines = document.createElement("ul");
    for (const text of told.details) {
      const line = document.createElement("li");
      line.textContent = text;
      lines.append(line);
    }
    shown.append(summary, lines);
    item.append(shown);
  }

  async function tell(list) {
    const turn = ++latest;
    const chosen = items(list).filter((item) => box(item)?.checked && !item.hidden);
    const keys = chosen.map((item) => box(item).value);
    let overlaps = {};
    if (keys.length > 1) {
      const answer = await fetch(`${url}?${new URLSearchParams({ pks: keys })}`).catch(() => null);
      if (answer?.ok) ({ overlaps } = await answer.json());
    }
    if (turn !== latest) return;
    for (const item of items(list)) put(item, box(item)?.checked ? overlaps[box(item).value] : null);
  }

  const shown = new ResizeObserver((entries) => {
    for (const { contentRect, target } of entries) {
      if (contentRect.height === 0) continue;
      shown.unobserve(target);
      tell(target);
    }
  });

  const watch = (within) => within.querySelectorAll(LISTS).forEach((list) => shown.observe(list));
  addEventListener("load", () => { // the widget is ready
    watch(document);
    document.addEventListener("formset:added", (event) => watch(event.target));
    const changed = (event) => {
      const list = event.target.closest(LISTS);
      if (list.getClientRects().length) tell(list);
      else shown.observe(list); // in a tab that is not open
    };
    for (const $ of new Set([django.jQuery, window.jQuery])) $?.(document).on("change sortupdate", LISTS, changed);
  });
})();
