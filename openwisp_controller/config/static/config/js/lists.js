"use strict";
(() => {
  // Lists: cells know the name of their column, for a phone shows rows as cards; panels close by Escape and elsewhere.
  const all = document.currentScript.dataset.all;
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
