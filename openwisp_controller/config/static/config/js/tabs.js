// Shows the parts of a device's page as tabs with addresses of their own. Without this script they stand below each other.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const bar = document.querySelector("#controller-tabs");
  const form = bar?.closest("form");
  if (!form) return;
  const first = ["overview-group", "config-group", "devicelocation-group", "deviceconnection_set-group", "command_set-2-group"];
  const found = [...form.querySelectorAll("#overview-group, .inline-group, fieldset[id$=-group]")]
    .filter((panel) => !panel.parentElement.closest("#overview-group, .inline-group"));
  const rank = (panel) => (first.includes(panel.id) ? first.indexOf(panel.id) : first.length);
  const panels = found.map((panel, place) => ({ panel, place })).sort((a, b) => rank(a.panel) - rank(b.panel) || a.place - b.place)
    .map((each) => each.panel);
  for (const extra of form.querySelectorAll("[data-tab-of]")) document.getElementById(extra.dataset.tabOf)?.append(extra);

  // what can be done stands in one place, in view wherever one reads; the theme draws the tools twice and hides one
  document.querySelector("#content-main > .object-tools")?.remove();
  const actions = form.querySelector(".controller-device .actions");
  for (const each of document.querySelectorAll(".title-wrapper .object-tools, .controller-tools")) actions.append(each);
  form.querySelector(".submit-row:not(.controller-tools, .controller-save-bar *)")?.remove(); // saving stands at the bottom of the window
  form.addEventListener("click", (event) => {
    const question = event.target.closest("[data-confirm]")?.dataset.confirm;
    if (question && !confirm(question)) event.preventDefault();
  });

  const tabs = new Map();
  for (const panel of panels) {
    const tab = document.createElement("a");
    tab.href = "#" + panel.id;
    tab.id = panel.id + "-tab";
    tab.textContent = panel.dataset.title || panel.querySelector("h2").textContent.trim();
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", panel.id);
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", tab.id);
    if (panel.querySelector(".errorlist, .errors")) {
      tab.classList.add("has-errors");
      tab.title = bar.dataset.errors;
    }
    tab.hidden = panel.hidden;
    new MutationObserver(() => { tab.hidden = panel.hidden; }).observe(panel, { attributeFilter: ["hidden"] });
    tabs.set(panel, tab);
    bar.append(tab);
  }

  function select(chosen) {
    for (const [panel, tab] of tabs) {
      panel.classList.toggle("controller-off", panel !== chosen);
      tab.setAttribute("aria-selected", panel === chosen);
      tab.tabIndex = panel === chosen ? 0 : -1;
    }
    form.setAttribute("action", location.pathname + location.search + "#" + chosen.id);
    window.dispatchEvent(new Event("resize")); // what measures itself, such as maps
    if (chosen.dataset.load) load(chosen);
  }

  /** Ask for the rows of a part that the page came without. */
  async function load(panel) {
    const { load: url } = panel.dataset;
    delete panel.dataset.load;
    const told = panel.querySelector(".controller-loading") ?? document.createElement("p");
    told.className = "controller-loading";
    told.setAttribute("role", "status");
    told.textContent = bar.dataset.loading;
    panel.prepend(told);
    panel.setAttribute("aria-busy", "true");
    const answer = await fetch(url, { headers: { Accept: "application/json" } }).catch(() => null);
    const found = answer?.ok ? await answer.json().catch(() => null) : null;
    if (found) {
      fill(panel, told, found);
    } else {
      panel.dataset.load = url;
      told.replaceChildren(bar.dataset.failed + " ", retry(panel));
    }
    panel.removeAttribute("aria-busy");
  }

  function retry(panel) {
    const again = document.createElement("button");
    again.type = "button";
    again.className = "button";
    again.textContent = bar.dataset.again;
    again.addEventListener("click", () => load(panel));
    return again;
  }

  /** Put the rows in, and begin with them what begins with those that a page comes with. */
  function fill(panel, told, { html, seen }) {
    const template = document.createElement("template");
    template.innerHTML = html;
    const group = template.content.querySelector(".inline-group");
    panel.classList.add(...group.classList);
    Object.assign(panel.dataset, group.dataset);
    told.replaceWith(...group.childNodes);
    const known = form.querySelector("[name=_seen]");
    if (known) {
      const all = JSON.parse(known.value);
      Object.assign(all.forms, seen);
      known.value = JSON.stringify(all);
    }
    const { name, options } = JSON.parse(panel.dataset.inlineFormset);
    const rows = `${name}-group .inline-related`;
    window.django.jQuery(rows).stackedFormset(rows, options);
    window.django.jQuery(panel).find(".related-widget-wrapper select").trigger("change");
    for (const row of panel.querySelectorAll(".inline-related:not(.empty-form)")) {
      row.dispatchEvent(new CustomEvent("formset:added", { bubbles: true, detail: { formsetName: options.prefix } }));
    }
    panel.dispatchEvent(new CustomEvent("controller:loaded", { bubbles: true }));
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target !== panel && panel.contains(target)) target.scrollIntoView({ block: "center" });
  }

  /** Tell whether a part that is not loaded is where a field will be. */
  function isToHold(panel, name) {
    return "load" in panel.dataset && name.startsWith(`id_${panel.id.replace(/-group$/, "-")}`);
  }

  function follow() {
    const name = decodeURIComponent(location.hash.slice(1));
    const target = name ? document.getElementById(name) : null;
    const chosen = panels.find((panel) => (target ? panel.contains(target) : isToHold(panel, name)));
    if (!chosen) return false;
    select(chosen);
    if (target && target !== chosen) target.scrollIntoView({ block: "center" });
    return true;
  }

  bar.addEventListener("keydown", (event) => {
    const shown = panels.filter((panel) => !tabs.get(panel).hidden);
    const now = shown.findIndex((panel) => tabs.get(panel) === document.activeElement);
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined || now < 0) return;
    event.preventDefault();
    const next = tabs.get(shown[(now + step + shown.length) % shown.length]);
    location.replace(next.href);
    next.focus();
  });
  addEventListener("hashchange", () => { if (!follow()) select(panels[0]); });
  bar.hidden = false;
  const wrong = panels.find((panel) => tabs.get(panel).classList.contains("has-errors"));
  if (wrong) select(wrong);
  else if (!follow()) select(panels[0]);
});
