// Asks before a page with unsaved changes is left.
"use strict";

addEventListener("load", () => {
  const form = document.querySelector("#content-main form[method=post]:not(#changelist-form)");
  if (!form) return;
  const refused = !!document.querySelector(".errornote, .controller-unsaved"); // what was typed is shown again, and stored nowhere
  const values = () => [...new FormData(form)]
    .filter(([name]) => name !== "csrfmiddlewaretoken" && name !== "_seen")
    .map(([name, value]) => [name, value instanceof File ? value.name : value]);
  const text = (entries) => entries.map((entry) => JSON.stringify(entry)).sort().join();
  let before = null;
  let leaving = false;
  // what scripts fill in before anybody touches the form is no edit
  const touch = (event) => { if (event.isTrusted) before ??= values(); };
  for (const kind of ["pointerdown", "keydown", "beforeinput"]) form.addEventListener(kind, touch, true);
  // nor is what the page loads later
  form.addEventListener("controller:loaded", ({ target }) => {
    const names = new Set([...target.querySelectorAll("[name]")].map((field) => field.name));
    before?.push(...values().filter(([name]) => names.has(name)));
  });
  form.addEventListener("submit", () => { leaving = true; });
  addEventListener("pageshow", () => { leaving = false; });
  addEventListener("beforeunload", (event) => {
    if (!leaving && (refused || (before !== null && text(values()) !== text(before)))) event.preventDefault();
  });
});
