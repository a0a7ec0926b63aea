"use strict";

// The form of a mass command: fields in place of the JSON of its input, made of the schema of the type that is chosen.
addEventListener("DOMContentLoaded", function () {
  const form = document.getElementById("batchcommand_form");
  const area = document.getElementById("id_input");
  const type = document.getElementById("id_type");
  const organization = document.getElementById("id_organization");
  const schemas = JSON.parse(document.getElementById("command-schemas").textContent);
  const texts = JSON.parse(document.getElementById("command-texts").textContent);
  const row = area.closest(".form-row");
  const box = document.createElement("div");
  box.id = "command-fields";
  let fields = null;

  area.hidden = true;
  area.after(box);
  row.querySelector(".help").hidden = true;
  const mistakes = JSON.parse(row.dataset.mistakes || "{}");

  function show(value) {
    const chosen = schemas[type.value];
    fields = chosen ? new window.controllerCommandFields.Fields(box, chosen.schema, texts, value) : null;
    if (!fields || !fields.parts.length) {
      box.textContent = chosen ? texts.none : texts.choose;
      box.className = "controller-note";
    } else {
      box.className = "";
    }
  }

  function stored() {
    try {
      return JSON.parse(area.value);
    } catch (error) {
      return undefined;
    }
  }

  /** Offer the types that may be sent in the organization that is chosen. */
  async function limit() {
    const allowed = organization.value ? await asked(organization.value) : null;
    for (const option of type.options) {
      option.disabled = Boolean(option.value && allowed && !(option.value in allowed));
    }
  }

  async function asked(key) {
    try {
      const answer = await fetch(area.dataset.schemas + "?organization_id=" + encodeURIComponent(key), { credentials: "same-origin" });
      return answer.ok ? await answer.json() : null;
    } catch (error) {
      return null;
    }
  }

  show(stored());
  if (fields && Object.keys(mistakes).length) {
    fields.explain(mistakes);
    if (!("" in mistakes) && fields.parts.length) {
      row.querySelectorAll(".errorlist").forEach((list) => { list.hidden = true; }); // each stands at its field
    }
  }
  limit();
  type.addEventListener("change", function () {
    row.querySelectorAll(".errorlist").forEach((list) => list.remove());
    row.classList.remove("errors");
    show(undefined);
  });
  window.django.jQuery(organization).on("change", limit); // lists that load while one types tell jQuery alone
  form.addEventListener("submit", function (event) {
    const leaving = event.submitter && ["back", "forget"].includes(event.submitter.name);
    if (area.closest("fieldset").hidden) {
      return; // the plan is shown: what was typed is sealed already
    }
    if (!leaving && fields && !fields.check()) {
      event.preventDefault();
      return;
    }
    area.value = fields ? JSON.stringify(fields.values()) : "";
  });
});
