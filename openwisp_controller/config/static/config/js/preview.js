"use strict";

// Shows what saving the form would give. Everything is put in as text, never as markup.
(function () {
  const button = document.getElementById("controller-preview");
  const dialog = document.getElementById("controller-preview-dialog");
  if (!button || !dialog) {
    return;
  }
  const output = dialog.querySelector("pre");

  function show(text, failed) {
    output.textContent = text;
    window.controllerConceal(output);
    dialog.classList.toggle("failed", failed);
    if (!dialog.open) {
      dialog.showModal();
    }
  }

  function explain(errors) {
    return Object.entries(errors)
      .map(([field, messages]) => (field === "__all__" ? "" : field + ": ") + messages.join("\n"))
      .join("\n\n");
  }

  button.addEventListener("click", async function () {
    const data = new FormData(button.form);
    data.set("id", button.dataset.id);
    button.disabled = true;
    try {
      const answer = await fetch(button.dataset.url, { method: "POST", body: data });
      const result = await answer.json();
      const text = result.warning ? result.warning + "\n\n" + result.text : result.text;
      show(result.errors ? explain(result.errors) : text, Boolean(result.errors));
    } catch (error) {
      show(button.dataset.failed, true);
    } finally {
      button.disabled = false;
    }
  });
  dialog.querySelector(".close").addEventListener("click", () => dialog.close());
})();
