"use strict";

// Shows a secret only when somebody asks for it.
(() => {
  function offer(within) {
    for (const input of within.querySelectorAll("input[data-secret]")) {
      if (input.closest(".empty-form") || input.nextElementSibling?.matches(".controller-reveal")) continue;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "button controller-reveal";
      button.textContent = input.dataset.show;
      button.setAttribute("aria-controls", input.id);
      button.addEventListener("click", () => {
        const hidden = input.type === "password";
        input.type = hidden ? "text" : "password";
        button.textContent = hidden ? input.dataset.hide : input.dataset.show;
      });
      input.after(button);
    }
  }

  addEventListener("DOMContentLoaded", () => offer(document));
  document.addEventListener("formset:added", (event) => offer(event.target));
})();
