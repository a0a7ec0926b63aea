// The variables of the page: what is defined elsewhere and where, and the names offered inside {{ }}.
import { h } from "./dom.js";
import { parse } from "./text.js";

const LIST = "cfg-variable-names";
const FIELDS = "textarea[data-variables]";

let parsed = null;

/** Return what the server said: `[{name, layers: [{origin, value?}], used: [..]}]`, the strongest layer first. */
function explained() {
  if (parsed) return parsed;
  const texts = [document.getElementById("controller-explained")?.textContent,
    ...[...document.querySelectorAll("textarea[data-explained]")].map((textarea) => textarea.dataset.explained)];
  parsed = texts.filter(Boolean).flatMap((text) => JSON.parse(text));
  return parsed;
}

const own = (textarea) => {
  const { value, problems } = parse(textarea.value);
  return problems.length || !value || typeof value !== "object" ? {} : value;
};

/** Return the names that a value of the page may use, with what they hold or where they come from. */
export function known() {
  const found = new Map(explained().map((each) => [each.name, each.layers[0]?.origin ?? ""]));
  for (const textarea of document.querySelectorAll(FIELDS)) {
    for (const [name, value] of Object.entries(own(textarea))) {
      found.set(name, typeof value === "string" ? value.slice(0, 40) : JSON.stringify(value).slice(0, 40));
    }
  }
  return [...found].map(([name, detail]) => ({ name, detail })).sort((one, other) => one.name.localeCompare(other.name));
}

/** Return where a variable of one origin stands among the others. */
export function layers(name, origin) {
  const all = explained().find((each) => each.name === name)?.layers ?? [];
  const place = all.findIndex((layer) => layer.origin === origin);
  if (place >= 0) return { stronger: all.slice(0, place), weaker: all.slice(place + 1) };
  return origin === "device" ? { stronger: [], weaker: all } : { stronger: [], weaker: [] };
}

/** Return what weaker origins than one define, as far as somebody may want to override it. */
export function weakerThan(origin) {
  const found = [];
  for (const { name, layers: all } of explained()) {
    const place = all.findIndex((layer) => layer.origin === origin);
    const [next] = all.slice(place + 1);
    if (!next || next.value === undefined || next.isCut || all.slice(0, Math.max(0, place)).length) continue;
    if (/^(template|group|organization|system)/.test(next.origin)) found.push({ name, ...next });
  }
  return found;
}

/** Return where a variable is used: what the server knows, and the configuration on this page. */
export function users(name) {
  const found = new Set(explained().find((each) => each.name === name)?.used ?? []);
  const pattern = new RegExp(`\\{[{%][^}]*\\b${name.replace(/[^\w]/g, "\\$&")}\\b[^}]*[}%]\\}`);
  for (const textarea of document.querySelectorAll("textarea[data-uses]")) {
    if (pattern.test(textarea.value)) found.add(textarea.dataset.uses);
  }
  return [...found];
}

/** Offer the variables to a text field in which one is begun. */
export function offer(input) {
  const opened = /\{\{?\s*([\w.]*)$/.exec(input.value);
  if (!opened || input.tagName !== "INPUT") return input.removeAttribute("list");
  const start = input.value.slice(0, opened.index);
  let list = document.getElementById(LIST);
  if (!list) document.body.append(list = h("datalist", { id: LIST }));
  list.replaceChildren(...known().map(({ name, detail }) => h("option", { value: `${start}{{ ${name} }}` }, detail)));
  return input.setAttribute("list", LIST);
}
