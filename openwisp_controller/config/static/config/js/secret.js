"use strict";

// Shows a secret only when somebody asks for it.
document.querySelectorAll("input[data-secret]").forEach(function (input) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button controller-reveal";
  button.textContent = input.dataset.show;
  button.setAttribute("aria-controls", input.id);
  button.addEventListener("click", function () {
    const hidden = input.type === "password";
    input.type = hidden ? "text" : "password";
    button.textContent = hidden ? input.dataset.hide : input.dataset.show;
  });
  input.insertAdjacentElement("afterend", button);
});
