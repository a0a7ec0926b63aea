// Variables as rows of name and value; values that are no texts stay what they are.
import { button, debounced, fit, freshId, h, icon, t } from "./dom.js";

const SHOWN = 60;

export class VariableRows {
  /**
   * @param {HTMLElement} host
   * @param {import("./text.js").JsonText} document an object.
   * @param {{changed: () => void, overridden: (name: string) => {origin: string, value?: any}[],
   *   strongerThan: (name: string) => string, used: (name: string) => string[],
   *   inherited: () => {name: string, origin: string, value: any}[]}} use
   */
  constructor(host, document, use) {
    Object.assign(this, { host, document, use });
    this.annotate = debounced(() => this.notes(), 300);
  }

  render() {
    const names = Object.keys(this.document.value ?? {});
    const list = h("div.cfg-rows", {}, ...names.map((name) => this.row(name)));
    const add = button(`+ ${t("Add variable")}`, t("Add variable"), () => {
      const row = this.row("", { isNew: true });
      list.append(row);
      row.querySelector("input").focus();
    }, { className: ".button" });
    const empty = names.length ? null : h("p.cfg-quiet", {}, t("No variables are defined here."));
    const inherited = h("div");
    this.host.replaceChildren(...[empty, list, h("div.cfg-inline", {}, add), inherited].filter(Boolean));
    this.inherited = () => inherited.replaceChildren(...this.others(list));
    this.inherited();
  }

  /** What is defined elsewhere, with a button that defines it here instead. */
  others(list) {
    const found = this.use.inherited().filter(({ name }) => !(name in (this.document.value ?? {})));
    if (!found.length) return [];
    const lines = found.map(({ name, origin, value }) => h("li", {}, h("code", {}, name), h("span", {}, short(value)), h("small", {}, origin),
      button(t("Override"), `${t("Override")}: ${name}`, () => {
        this.document.set([name], value);
        const row = this.row(name);
        list.append(row);
        row.querySelector("textarea").focus();
        this.inherited();
      }, { className: ".button" })));
    return [h("details.cfg-inherited", {}, h("summary", {}, `${t("Defined elsewhere")} (${found.length})`), h("ul", {}, ...lines))];
  }

  row(name, { isNew = false } = {}) {
    let stored = isNew ? null : name;
    const wrong = h("p.cfg-error", { role: "alert" });
    const note = h("div.cfg-notes");
    const id = freshId();
    const value = isNew ? "" : this.document.value[name];
    let isText = typeof value === "string";
    const write = () => {
      const wanted = label.value.trim();
      wrong.textContent = "";
      if (!wanted) return void (wrong.textContent = stored === null ? "" : t("A variable needs a name; it keeps its former one."));
      if (wanted !== stored && wanted in this.document.value) return void (wrong.textContent = t("There is a variable of this name already."));
      let content = input.value;
      if (!isText) {
        try {
          content = JSON.parse(input.value);
        } catch {
          return void (wrong.textContent = t("This is no JSON; the former value is kept."));
        }
      }
      if (stored !== null && stored !== wanted) this.document.rename([stored], wanted);
      stored = wanted;
      if (JSON.stringify(this.document.value[stored]) !== JSON.stringify(content)) this.document.set([stored], content);
      row.dataset.name = stored;
      this.use.changed();
      this.annotate();
    };
    const label = h("input.cfg-mono.cfg-name", {
      type: "text", value: name, autocomplete: "off", spellcheck: "false", placeholder: t("name"), "aria-label": t("Name of the variable"), oninput: write,
    });
    const input = h("textarea.cfg-mono.cfg-value", {
      id, rows: 1, value: isText ? value : JSON.stringify(value, null, 4), spellcheck: "false", placeholder: t("value"),
      "aria-label": t("Value of the variable"), oninput: () => {
        size();
        write();
      },
    });
    const size = () => fit(input, 1);
    size();
    const kind = h("select", {
      "aria-label": t("Kind of the value"), title: t("How the value is stored"),
      onchange: () => {
        isText = kind.value === "text";
        const before = stored === null ? input.value : this.document.value[stored];
        input.value = isText ? (typeof before === "string" ? before : JSON.stringify(before)) : asJson(before);
        size();
        write();
      },
    }, h("option", { value: "text", selected: isText }, t("Text")), h("option", { value: "json", selected: !isText }, "JSON"));
    const remove = button(icon("close"), `${t("Remove")}: ${name}`, () => {
      if (stored !== null) this.document.set([stored], undefined);
      this.use.changed();
      row.remove();
      this.inherited();
    }, { className: ".cfg-tool" });
    const row = h("div.cfg-variable-row", { "data-name": name }, h("div.cfg-line", {}, label, input, kind, remove), wrong, note);
    this.note(row);
    return row;
  }

  notes() {
    for (const row of this.host.querySelectorAll(".cfg-variable-row")) this.note(row);
  }

  /** Say what a row overrides, what overrides it, and where its variable is used. */
  note(row) {
    const { name } = row.dataset;
    const parts = [];
    if (name) {
      const stronger = this.use.strongerThan(name);
      if (stronger) parts.push(h("span.cfg-warning", {}, `${t("has no effect: defined by")} ${stronger}`));
      for (const { origin, value } of this.use.overridden(name)) {
        parts.push(h("span", {}, `${t("overrides")} ${origin}`, value === undefined ? "" : ": ", value === undefined ? "" : h("code", {}, short(value))));
      }
      const used = this.use.used(name);
      if (used.length) parts.push(h("span", {}, `${t("used in")} ${used.join(", ")}`));
    }
    row.querySelector(".cfg-notes").replaceChildren(...parts);
  }
}

/** A text that is JSON of another kind, such as 5 or true, becomes that; others stay a text in quotes. */
function asJson(value) {
  if (typeof value !== "string") return JSON.stringify(value, null, 4);
  try {
    JSON.parse(value);
    return value;
  } catch {
    return JSON.stringify(value);
  }
}

function short(value) {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}
