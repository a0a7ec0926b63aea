// Asks before a page with unsaved changes is left.
"use strict";

addEventListener("load", () => {
  const form = document.querySelector("#content-main form[method=post]:not(#changelist-form)");
  if (!form) return;
  const refused = !!document.querySelector(".errornote, .controller-unsaved"); // what was typed is shown again, and stored nowhere
  const values = () => JSON.stringify([...new FormData(form)]
    .filter(([name]) => name !== "csrfmiddlewaretoken" && name !== "_seen")
    .map(([name, value]) => [name, value instanceof File ? value.name : value]));
  let before = null;
  let leaving = false;
  // what scripts fill in before anybody touches the form is no edit
  const touch = (event) => { if (event.isTrusted) before ??= values(); };
  for (const kind of ["pointerdown", "keydown", "beforeinput"]) form.addEventListener(kind, touch, true);
  form.addEventListener("submit", () => { leaving = true; });
  addEventListener("pageshow", () => { leaving = false; });
  addEventListener("beforeunload", (event) => {
    if (!leaving && (refused || (before !== null && values() !== before))) event.preventDefault();
  });
});
