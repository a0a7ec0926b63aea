// Light, dark, or as the system has it; known before anything is painted. Beside it, what every page has: the way past the menu.
"use strict";

(() => {
  const KEY = "theme"; // the name that the administration of Django has for it
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  let passing = "auto"; // where the browser stores nothing

  function chosen() {
    try {
      return localStorage.getItem(KEY) ?? passing;
    } catch {
      return passing;
    }
  }

  function apply() {
    const choice = ["light", "dark"].includes(chosen()) ? chosen() : "auto";
    root.dataset.theme = choice === "auto" ? (system.matches ? "dark" : "light") : choice;
    for (const button of document.querySelectorAll("[data-theme-choice]")) {
      button.setAttribute("aria-pressed", button.dataset.themeChoice === choice);
    }
  }

  function choose(choice) {
    passing = choice;
    try {
      localStorage.setItem(KEY, choice);
    } catch {
      // it holds for this page
    }
    apply();
  }

  apply();
  system.addEventListener("change", apply);
  addEventListener("storage", (event) => { if (event.key === KEY) apply(); });

  addEventListener("DOMContentLoaded", () => {
    const menu = document.querySelector("#account-dropdown");
    const items = document.querySelector("#controller-account-items");
    if (menu && items) {
      menu.querySelector("form")?.closest("li").before(...items.content.cloneNode(true).children);
    }
    apply();
    for (const button of document.querySelectorAll("[data-theme-choice]")) {
      button.addEventListener("click", (event) => {
        event.stopPropagation(); // the menu stays open
        choose(button.dataset.themeChoice);
      });
    }
    document.querySelector(".controller-skip")?.addEventListener("click", (event) => {
      const content = document.querySelector("#content");
      event.preventDefault(); // addresses name tabs behind the #
      content.tabIndex = -1;
      content.focus();
    });
  });
})();
