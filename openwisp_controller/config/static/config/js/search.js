"use strict";
// The search of the header: the key / leads to it, what is found appears while one types, arrows lead through it, Escape
// closes it. Without this script the form leads to the page of the search.
(() => {
  const form = document.querySelector(".controller-search");
  const link = document.querySelector(".controller-search-link");
  if (!form || !link) return;
  const input = form.querySelector("input");
  const results = form.querySelector(".controller-results");
  const PAUSE = 200;
  const TYPED = "input:not([type=checkbox], [type=radio], [type=submit], [type=button]), textarea, select";
  let timer;
  let asked = 0;

  function show(isShown) {
    results.hidden = !isShown;
    input.setAttribute("aria-expanded", String(isShown));
  }

  async function ask() {
    const number = ++asked;
    const term = input.value.trim();
    if (term.length < 2) {
      show(false);
      return;
    }
    let text;
    try {
      const answer = await fetch(`${form.action}?${new URLSearchParams({ partial: "1", q: term })}`);
      if (!answer.ok || answer.redirected) return;
      text = await answer.text();
    } catch {
      return; // the page of the search tells what is wrong
    }
    if (number !== asked) return;
    results.innerHTML = text;
    show(true);
  }

  function step(by) {
    const places = [input, ...results.querySelectorAll("a")];
    const next = places.indexOf(document.activeElement) + by;
    if (places[next]) places[next].focus();
  }

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, PAUSE);
  });
  input.addEventListener("focus", () => {
    if (results.childElementCount && input.value.trim().length > 1) show(true);
  });
  form.addEventListener("focusout", (event) => {
    if (!form.contains(event.relatedTarget)) show(false);
  });
  form.addEventListener("keydown", (event) => {
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key === "Escape") {
      const wasShown = !results.hidden;
      ++asked;
      clearTimeout(timer);
      if (wasShown) input.focus();
      else input.blur();
      show(false);
      event.preventDefault();
    } else if (steps[event.key] && !results.hidden) {
      step(steps[event.key]);
      event.preventDefault();
    }
  });

  document.addEventListener("keydown", (event) => {
    const at = event.target;
    const isTyping = at.isContentEditable || (at.matches && at.matches(TYPED));
    if (event.key !== "/" || event.ctrlKey || event.altKey || event.metaKey || isTyping || event.defaultPrevented) return;
    if (document.querySelector("dialog[open]")) return;
    event.preventDefault();
    const page = document.querySelector(".controller-search-page input[type=search]");
    if (page) page.select();
    else if (input.offsetParent) input.select();
    else location.assign(link.href);
  });
})();
