"use strict";

// Lets the list of templates follow organization, backend and group, and shows which default values they bring.
// The server checks whatever is saved; when it cannot be asked, the list stays as it is.
(function () {
  const $ = django.jQuery;
  const WATCHED = "#id_organization, #id_group, #id_config-0-backend";
  let latest = 0;

  function value(id) {
    const field = document.getElementById(id);
    return field ? field.value : "";
  }

  async function ask(url, parameters) {
    const answer = await fetch(url + "?" + new URLSearchParams(parameters));
    if (!answer.ok) {
      throw new Error(answer.status);
    }
    return answer.json();
  }

  function mark(item, template, note) {
    item.hidden = !template;
    item.querySelector("input").disabled = Boolean(template && template.required);
    const shown = item.querySelector(".controller-note");
    if (shown) {
      shown.remove();
    }
    if (template && template.required) {
      const span = document.createElement("span");
      span.className = "controller-note";
      span.textContent = " " + note;
      item.querySelector("label").append(span);
    }
  }

  function choose(list, templates, choosing, note) {
    const items = new Map([...list.children].map((item) => [item.querySelector("input").value, item]));
    items.forEach((item, key) => {
      const template = templates[key];
      mark(item, template, note);
      const box = item.querySelector("input");
      if (choosing) {
        box.checked = Boolean(template) && (box.checked || template.selected || template.default || template.required);
      }
    });
    if (choosing) {
      Object.keys(templates).forEach((key) => items.has(key) && list.append(items.get(key)));
    }
    $(list).find("input").first().trigger("change");
  }

  async function follow(page, choosing) {
    const list = document.querySelector("#config-0 .field-templates .sortedm2m-items");
    if (!list) {
      return;
    }
    const turn = ++latest;
    const organization = value("id_organization") || "null";
    const parameters = { backend: value("id_config-0-backend"), group_id: value("id_group") };
    if (page.dataset.config) {
      parameters.config_id = page.dataset.config;
    }
    const templates = await ask(page.dataset.templates.replace("null", organization), parameters);
    if (turn === latest) {
      choose(list, templates, choosing, page.dataset.required);
    }
  }

  async function showDefaults(page) {
    const row = document.querySelector("#config-0 .field-context");
    const hidden = document.getElementById("id_config-0-templates");
    if (!row || !hidden) {
      return;
    }
    const parameters = { pks: hidden.value, group: value("id_group"), organization: value("id_organization") };
    const defaults = (await ask(page.dataset.defaults, parameters)).default_values;
    let shown = row.querySelector(".controller-defaults");
    if (!shown) {
      shown = document.createElement("div");
      shown.className = "controller-defaults help";
      (row.querySelector("div") || row).append(shown);
    }
    const lines = Object.entries(defaults).map(([name, text]) => name + ": " + JSON.stringify(text));
    shown.textContent = lines.length ? [page.dataset.title].concat(lines).join("\n") : "";
  }

  $(function () {
    const page = document.getElementById("controller-templates");
    if (!page) {
      return;
    }
    const quietly = (promise) => promise.catch(() => {});
    const isNew = !page.dataset.config;
    $(document).on("change", WATCHED, (event) => quietly(follow(page, isNew || event.target.id !== "id_group")));
    $(document).on("change", "#config-0 .sortedm2m-items input", () => quietly(showDefaults(page)));
    $(document).on("formset:added", () => quietly(follow(page, true)));
    quietly(follow(page, isNew));
  });
})();
