// Puts a button beside identifiers, keys and secrets that copies them; a secret need not be shown for it.
"use strict";

(() => {
  const { copy, copied, failed } = document.currentScript.dataset;
  const FIELDS = ".field-id .readonly, .field-uuid .readonly, .field-public_key .readonly, .field-fingerprint .readonly, .field-checksum .readonly, "
    + "input[data-secret], details.controller-secrets pre, .field-crl .readonly";

  async function put(text) {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    const area = document.createElement("textarea"); // pages that came without encryption have no clipboard
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    if (!done) throw new Error("refused");
    return undefined;
  }

  function button(read, name) {
    const made = document.createElement("button");
    made.type = "button";
    made.className = "controller-copy";
    made.textContent = copy;
    made.setAttribute("aria-label", `${copy}: ${name}`);
    made.addEventListener("click", async () => {
      try {
        await put(read());
        made.textContent = copied;
      } catch {
        made.textContent = failed;
      }
      setTimeout(() => { made.textContent = copy; }, 2000);
    });
    return made;
  }

  function nameOf(element) {
    const label = element.closest(".form-row, .fieldBox")?.querySelector("label")?.textContent;
    return (element.closest("details")?.closest("tr")?.querySelector("code")?.textContent ?? label ?? "").trim().replace(/:$/, "");
  }

  addEventListener("load", () => { // other scripts read what stands there as they start
    for (const element of document.querySelectorAll(FIELDS)) {
      const input = element.matches("input") ? element : element.querySelector("input");
      const text = element.textContent.trim();
      const read = () => (input ? input.value.trim() : text);
      if (element.closest(".empty-form") || (!input && ["", "-"].includes(read()))) continue;
      if (element.matches(".readonly")) element.append(button(read, nameOf(element)));
      else (element.nextElementSibling?.matches(".controller-reveal") ? element.nextElementSibling : element).after(button(read, nameOf(element)));
    }
  });
})();
