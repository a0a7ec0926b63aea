// Hides secrets in files, differences and previews until somebody asks for them.
"use strict";

(() => {
  const NAMES = "key\\d?|[\\w.]*passw(?:or)?d|[\\w.]*passphrase|[\\w.]*psk|[\\w.]*private_?key|[\\w.]*preshared_?key|[\\w.]*secret\\w*|[\\w.]*token|community|auth_key";
  const OPTION = new RegExp(`^([+\\- ]?\\s*(?:option|list)\\s+(?:${NAMES})\\s+')(.*?)('\\s*)$`, "i");
  const ASSIGNMENT = new RegExp(`^([+\\- ]?\\s*"?(?:${NAMES})"?\\s*[=:]\\s*"?)([^"\\s].*?)("?,?\\s*)$`, "i");
  const BEGIN = /-----BEGIN [A-Z ]*(?:PRIVATE KEY|STATIC KEY[A-Z0-9 ]*)-----/;
  const END = /-----END [A-Z ]*(?:PRIVATE KEY|STATIC KEY[A-Z0-9 ]*)-----/;
  const shown = document.currentScript.dataset;

  /** Return what stands for a secret; one button shows all parts of a group, such as the lines of a key. */
  function secret(text, group = [], isFirst = true) {
    const made = document.createElement("button");
    made.type = "button";
    made.className = "controller-secret";
    made.hidden = !isFirst;
    made.title = shown.show;
    made.setAttribute("aria-label", shown.show);
    made.textContent = "••••••••";
    group.push(() => made.replaceWith(document.createTextNode(text)));
    made.addEventListener("click", () => group.splice(0).forEach((show) => show()));
    return made;
  }

  /** Return the pieces of a line: texts, and buttons in the place of secrets. */
  function pieces(line, state) {
    if (state.group) {
      if (END.test(line)) {
        state.group = null;
        return [line];
      }
      return [secret(line, state.group, state.group.length === 0)];
    }
    if (BEGIN.test(line)) {
      state.group = END.test(line) ? null : [];
      return [line];
    }
    const found = OPTION.exec(line) ?? ASSIGNMENT.exec(line);
    return found && found[2] ? [found[1], secret(found[2]), found[3]] : [line];
  }

  /** Break the line behind what is shown alone: the hidden lines of a key leave no empty ones. */
  function parts(text, state) {
    const result = [];
    text.split("\n").forEach((line, place) => {
      const isInside = state.group?.length > 0 && !END.test(line);
      if (place) {
        const last = result.at(-1);
        if (isInside && last instanceof HTMLElement) {
          const end = document.createComment("");
          state.group.push(() => end.replaceWith("\n"));
          result.push(end);
        } else result.push("\n");
      }
      if (line) result.push(...pieces(line, state));
    });
    return result;
  }

  function conceal(element) {
    const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    const texts = [];
    while (walker.nextNode()) texts.push(walker.currentNode);
    const state = { group: null };
    for (const text of texts) {
      const found = parts(text.data, state);
      if (found.some((part) => typeof part !== "string")) text.replaceWith(...found);
    }
  }

  window.controllerConceal = conceal;
  addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("pre.controller-file, pre.controller-diff").forEach(conceal);
    document.documentElement.classList.add("controller-concealed");
  });
})();
