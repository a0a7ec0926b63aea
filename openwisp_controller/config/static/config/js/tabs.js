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
  }

  function follow() {
    const target = location.hash.length > 1 ? document.getElementById(decodeURIComponent(location.hash.slice(1))) : null;
    const chosen = target && panels.find((panel) => panel.contains(target));
    if (!chosen) return false;
    select(chosen);
    if (target !== chosen) target.scrollIntoView({ block: "center" });
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
