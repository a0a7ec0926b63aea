// Gives names to what the libraries of the administration leave without, for who does not see the page.
"use strict";

(() => {
  const { notifications, toggle } = document.currentScript.dataset;
  let counter = 0;

  function idOf(element) {
    counter += 1;
    element.id ||= `controller-label-${counter}`;
    return element.id;
  }

  /** Lists that load while one types: named like the field that they stand for. */
  function nameLists() {
    for (const select of document.querySelectorAll("select.select2-hidden-accessible")) {
      const box = select.nextElementSibling?.querySelector("[role=combobox]");
      const label = document.querySelector(`label[for="${CSS.escape(select.id)}"]`);
      const text = (label?.textContent ?? select.getAttribute("aria-label") ?? select.name).trim().replace(/:$/, "");
      const shown = box?.querySelector(".select2-selection__rendered");
      if (shown?.getAttribute("role") === "textbox") shown.setAttribute("aria-label", text);
      if (box && label) box.setAttribute("aria-labelledby", [idOf(label), shown?.id].filter(Boolean).join(" "));
      else box?.setAttribute("aria-label", text);
      select.nextElementSibling?.querySelector(".select2-search__field")?.setAttribute("aria-label", text);
    }
  }

  function rowOf(element) {
    const label = element.closest(".form-row, .fieldBox, .ow-filter")?.querySelector("label, .filter-title, h3");
    return (label?.textContent ?? "").trim().replace(/\s+/g, " ").replace(/:$/, "");
  }

  function nameOthers() {
    document.querySelector("#openwisp_notifications")?.setAttribute("aria-label", notifications);
    // these names hide the texts that everybody sees
    for (const element of document.querySelectorAll("#account-btn, .filter-title")) element.removeAttribute("aria-label");
    for (const input of document.querySelectorAll("input.readonly[readonly], .ow-input-filter-field")) {
      input.setAttribute("aria-label", rowOf(input) || input.name);
    }
    for (const image of document.querySelectorAll("#content img:not([alt])")) image.alt = rowOf(image);
    for (const pre of document.querySelectorAll("pre.controller-file, pre.controller-diff, .controller-variables")) pre.tabIndex = 0; // they scroll
  }

  addEventListener("load", () => {
    nameOthers();
    nameLists();
  });
  // what scripts of libraries build comes in at any time
  new MutationObserver(() => {
    for (const button of document.querySelectorAll("button.toggle-icon:not([aria-label])")) button.setAttribute("aria-label", toggle);
    for (const icon of document.querySelectorAll("span.help-tooltip[aria-label]:not([role])")) icon.setAttribute("role", "img");
  }).observe(document.documentElement, { childList: true, subtree: true });
  document.addEventListener("formset:added", () => setTimeout(nameLists));
})();
