// A menu to pick what is added: searched by typing, used by mouse or keyboard.
import { button, h, t } from "./dom.js";

/**
 * @param {string} label of the button.
 * @param {() => {name: string, title: string, help?: string}[]} offered asked whenever the menu opens.
 * @param {(name: string, isOwn: boolean) => void} pick
 * @param {{own?: boolean, className?: string}} options `own`: names that are not offered may be typed.
 */
export function picker(label, offered, pick, { own = false, className = "" } = {}) {
  const search = h("input", {
    type: "text", autocomplete: "off", placeholder: own ? t("Search, or type a name of your own") : t("Search"),
    "aria-label": t("Search"), oninput: draw, onkeydown: keys,
  });
  const list = h("div.cfg-menu-list");
  const menu = h("details.cfg-picker", { ontoggle: toggled }, h(`summary.button${className}`, {}, label),
    h("div.cfg-menu", {}, search, list));

  function choose(name, isOwn) {
    menu.open = false;
    pick(name, isOwn);
  }

  function draw() {
    const wanted = search.value.trim().toLowerCase();
    const found = offered().filter((each) => `${each.title} ${each.name}`.toLowerCase().includes(wanted));
    const typed = search.value.trim();
    list.replaceChildren(...found.map((each) => button(
      h("span", {}, h("strong", {}, each.title), each.title.toLowerCase() !== each.name && !/^\d+$/.test(each.name) ? h("code", {}, each.name) : null,
        each.help ? h("small", {}, each.help) : null),
      each.title, () => choose(each.name, false), { className: ".cfg-menu-item" })));
    if (own && typed && !offered().some((each) => each.name === typed)) {
      list.append(button(h("span", {}, h("strong", {}, t("Add")), h("code", {}, typed)), t("Add"), () => choose(typed, true),
        { className: ".cfg-menu-item" }));
    }
    if (!list.childElementCount) list.append(h("p.cfg-quiet", {}, t("There is nothing more to add.")));
  }

  function keys(event) {
    if (event.key === "Enter") {
      event.preventDefault();
      list.querySelector("button")?.click();
    }
  }

  function away(event) {
    if (!menu.contains(event.target)) menu.open = false;
  }

  function escape(event) {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    menu.open = false;
    menu.querySelector("summary").focus();
  }

  menu.addEventListener("keydown", escape);

  function toggled() {
    if (menu.open) {
      search.value = "";
      draw();
      search.focus();
      document.addEventListener("pointerdown", away, true);
    } else document.removeEventListener("pointerdown", away, true);
  }

  return menu;
}
