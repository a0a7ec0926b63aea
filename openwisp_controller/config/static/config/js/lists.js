"use strict";
(() => {
  // Lists: cells know the name of their column, for a phone shows rows as cards; panels close by Escape and elsewhere.
  const { all, sort, ascending, descending } = document.currentScript.dataset;

  /** Return a menu of what the headers sort by, for cards have none; choosing a column replaces what was sorted by. */
  function sortMenu(table) {
    const links = [...table.tHead.querySelectorAll("th.sortable")].map((header) => {
      const anchor = header.querySelector(".text a");
      const address = new URL(anchor.href);
      const column = address.searchParams.get("o").split(".")[0].replace("-", "");
      const isFirst = header.classList.contains("sorted") && (header.querySelector(".sortpriority")?.textContent.trim() || "1") === "1";
      const isAscending = header.classList.contains("ascending");
      const name = anchor.textContent.trim();
      const link = document.createElement("a");
      const isNextDescending = isFirst && isAscending;
      address.searchParams.set("o", isNextDescending ? `-${column}` : column);
      link.href = address;
      link.textContent = `${name}, ${isNextDescending ? descending : ascending}`;
      return { link, now: isFirst ? `${name}, ${isAscending ? ascending : descending}` : "" };
    });
    if (!links.length) return null;
    const menu = document.createElement("details");
    const summary = document.createElement("summary");
    const panel = document.createElement("div");
    const now = links.find((each) => each.now)?.now;
    summary.textContent = now ? `${sort}: ${now}` : sort;
    panel.className = "panel";
    panel.append(...links.map(({ link }) => link));
    menu.append(summary, panel);
    const box = document.createElement("div");
    box.className = "controller-own-list controller-sort";
    box.append(menu);
    return box;
  }
  document.addEventListener("DOMContentLoaded", () => {
    const table = document.getElementById("result_list");
    if (table) {
      const names = [...table.tHead.rows[0].cells].map((cell) => {
        const text = cell.querySelector(".text");
        return text ? text.textContent.trim() : "";
      });
      const box = table.tHead.querySelector(".action-checkbox-column");
      if (box) box.dataset.label = all;
      for (const row of table.tBodies[0].rows) {
        [...row.cells].forEach((cell, place) => {
          if (names[place]) cell.dataset.label = names[place];
          if (cell.textContent.trim() === "-") cell.classList.add("controller-nothing");
        });
      }
      const menu = sortMenu(table);
      if (menu) table.closest(".results").before(menu);
    }
    const panels = document.querySelectorAll(".controller-own-list details");
    const close = (except) => panels.forEach((panel) => panel !== except && panel.removeAttribute("open"));
    document.addEventListener("click", (event) => close(event.target.closest(".controller-own-list details")));
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      const open = document.querySelector(".controller-own-list details[open]");
      if (open) {
        close();
        open.querySelector("summary").focus();
      }
    });
  });
})();
