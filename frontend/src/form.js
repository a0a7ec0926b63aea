// A form made from a JSON schema over a text: each field edits the text at its place, so nothing else is touched.
import { control, raw } from "./controls.js";
import { button, freshId, h, icon, t } from "./dom.js";
import { picker } from "./picker.js";
import { kindOf } from "./schema.js";

const NAMING = ["name", "path", "id", "ssid", "destination", "address", "public_key", "src", "title"];
const FEW = 12;
const OPEN_LISTS = 4; // shorter lists inside an opened item are shown at once
const key = (path) => JSON.stringify(path);

/** What a list of problems says about one place. */
const describe = (found) => found.map((problem) => t(problem.text)).join("; ");

export class SchemaForm {
  /**
   * @param {HTMLElement} host
   * @param {import("./text.js").JsonText} document edited in place.
   * @param {import("./schema.js").Schema} schema
   * @param {{offerVariables: (input: Element) => void}} use
   */
  constructor(host, document, schema, use) {
    Object.assign(this, { host, document, schema, use, opened: new Map(), found: [] });
  }

  render() {
    const focus = this.host.contains(document.activeElement) ? document.activeElement.id : "";
    this.host.replaceChildren(this.object([], this.schema.root, { isRoot: true }));
    this.mark();
    if (focus) document.getElementById(focus)?.focus();
  }

  // ------------------------------------------------------------------ objects

  object(path, schema, { isRoot = false } = {}) {
    const body = h("div.cfg-object");
    const draw = () => body.replaceChildren(...this.parts(path, schema, draw, isRoot));
    draw();
    return body;
  }

  parts(path, schema, draw, isRoot) {
    const value = this.document.at(path) ?? {};
    const { rule, choices } = this.schema.effective(schema, value);
    const selects = choices.map((choice, group) => this.variants(path, schema, choice, group, draw));
    const present = Object.keys(value);
    const wanted = this.alwaysShown(rule, path).filter((name) => !(name in value || `${name}!` in value));
    const names = this.schema.order(rule, new Set([...present, ...wanted])).filter((name) => this.isShown(rule, name, value));
    const fields = names.map((name) => this.part([...path, name], rule, name, draw));
    const redraw = (name) => {
      draw();
      this.reveal([...path, name]);
    };
    const menu = picker(isRoot && this.hasSections(rule) ? this.use.menu : t("Add option"), () => this.offered(path, schema), (name, isOwn) => {
      const part = this.schema.part(rule, name);
      const wantedValue = isOwn && !part ? "" : this.schema.initial(this.ruleOf(path, schema, name));
      this.opened.set(key([...path, name]), true);
      this.change([...path, name], wantedValue);
      redraw(name);
    }, { own: rule.additionalProperties !== false, className: isRoot && this.hasSections(rule) ? ".default" : "" });
    if (isRoot && this.hasSections(rule)) {
      const empty = names.length ? null : h("p.cfg-quiet", {}, t("Nothing is configured here yet. The menu offers every section."));
      return [...selects, h("div.cfg-root-tools", {}, menu), empty, ...fields].filter(Boolean);
    }
    const hasOwn = rule.additionalProperties !== false && Object.keys(rule.properties ?? {}).length > 0;
    const offers = hasOwn || this.offered(path, schema).some((each) => !names.includes(each.name));
    return [...selects, ...fields, offers ? menu : null].filter(Boolean);
  }

  /** Return the names that are shown although they are not there: what is required, and all of a few plain values. */
  alwaysShown(rule, path) {
    const names = Object.keys(rule.properties ?? {});
    if (path.length === 0 && this.hasSections(rule)) return [];
    const isPlain = (name) => !["object", "array"].includes(this.schema.typeOf(this.schema.resolve(rule.properties[name])));
    if (names.length <= FEW) return names.filter((name) => rule.required?.includes(name) || isPlain(name));
    return (rule.required ?? []).filter((name) => rule.properties?.[name]);
  }

  /** Tell whether an object has so much to offer that a menu does it better: lists and objects, or what nobody knows. */
  hasSections(rule) {
    const parts = Object.values(rule.properties ?? {}).map((part) => this.schema.typeOf(this.schema.resolve(part)));
    return parts.length === 0 || parts.some((type) => type === "object" || type === "array");
  }

  ruleOf(path, schema, name) {
    const { rule } = this.schema.effective(schema, this.document.at(path) ?? {});
    return this.schema.part(rule, name) ?? {};
  }

  isShown(rule, name, value) {
    const part = this.schema.resolve(this.schema.part(rule, name) ?? {});
    return !part.options?.hidden && !(part.enum?.length === 1 && part.enum[0] === value[name]);
  }

  offered(path, schema) {
    const value = this.document.at(path) ?? {};
    const { rule } = this.schema.effective(schema, value);
    const shown = this.alwaysShown(rule, path);
    return this.schema.order(rule, Object.keys(rule.properties ?? {}).filter((name) => !(name in value) && !shown.includes(name)))
      .map((name) => ({ name, part: this.schema.resolve(rule.properties[name]) }))
      .filter(({ part }) => !part.options?.hidden)
      .map(({ name, part }) => ({ name, title: part.title ?? name, help: part.description }));
  }

  variants(path, schema, { variants, index }, group, draw) {
    const id = freshId();
    const select = h("select", {
      id, onchange: () => {
        const value = this.document.at(path) ?? {};
        this.change(path, this.schema.converted(schema, value, group, Number(select.value)));
        draw();
        this.find(path)?.refresh?.();
      },
    }, ...variants.map((variant, number) => h("option", { value: number, selected: number === index },
      this.schema.titleOf(variant, `${t("Variant")} ${number + 1}`))));
    return h("div.cfg-field.cfg-variant", {}, h("label", { for: id }, t("Kind")), h("div.cfg-control", {}, select));
  }

  // ------------------------------------------------------------------ parts

  part(path, rule, name, draw) {
    const value = this.document.at(path);
    const schema = this.schema.part(rule, name) ?? {};
    const part = this.schema.resolve(schema);
    const type = this.schema.typeOf(part);
    const isRequired = (rule.required ?? []).includes(name);
    const remove = isRequired || value === undefined ? null : () => {
      this.change(path, undefined);
      draw();
    };
    const title = `${part.title ?? name}${name.endsWith("!") ? ` (${t("instead of that of templates")})` : ""}`;
    const kind = value === undefined ? type : kindOf(value);
    if (kind === "object" && (type === "object" || !type)) {
      return this.section(path, title, part.description, () => this.object(path, schema), remove, { isOpen: path.length > 1 });
    }
    if (kind === "array" && (type === "array" || !type)) {
      return this.list(path, schema, title, part.description, remove);
    }
    return this.field(path, part, title, { remove, isRequired });
  }

  section(path, title, help, build, remove, { isOpen = false, tools = null, badge = "" } = {}) {
    const place = key(path);
    const name = h("strong", {}, title);
    const note = h("span.cfg-badge", {}, badge);
    const body = h("div.cfg-body");
    const bar = [...(tools ?? []), remove && button(icon("close"), `${t("Remove")}: ${title}`, remove, { className: ".cfg-tool" })].filter(Boolean);
    const shown = h(`details.cfg-section${tools ? ".cfg-item" : ""}`, {
      open: this.opened.get(place) ?? isOpen,
      ontoggle: () => {
        this.opened.set(place, shown.open);
        if (shown.open) fill();
      },
    }, h("summary", {}, name, note), body);
    // not inside the summary: what is in a control cannot be reached by everybody
    const frame = h("div.cfg-frame", { "data-path": place }, shown, h("span.cfg-tools", {}, ...bar));
    const fill = () => {
      if (body.childElementCount) return;
      if (help) body.append(h("p.cfg-help", {}, help));
      body.append(h("p.cfg-error", {}), build(shown));
      this.mark(body);
    };
    if (shown.open) fill();
    return Object.assign(frame, { fill, details: shown });
  }

  field(path, rule, title, { remove = null, isRequired = false, tools = [] } = {}) {
    const id = freshId();
    const box = h("div.cfg-control");
    const draw = () => box.replaceChildren(control(this.use.isSecret(path.at(-1)) ? { ...rule, format: rule.format ?? "password" } : rule, this.document.at(path), {
      id, again: draw, offerVariables: this.use.offerVariables, change: (value) => this.changeField(path, value, isRequired, rule),
    }), h("p.cfg-error", {}), rule.description ? h("p.cfg-help", {}, rule.description) : "");
    draw();
    const bar = [...tools, remove && button(icon("close"), `${t("Remove")}: ${title}`, remove, { className: ".cfg-tool" })].filter(Boolean);
    return h(`div.cfg-field${isRequired ? ".required" : ""}`, { "data-path": key(path) },
      h(`label${Object.keys(rule).length > 1 ? "" : ".cfg-own"}`, { for: id, title: path.at(-1) }, title), box, h("span.cfg-tools", {}, ...bar));
  }

  changeField(path, value, isRequired, rule) {
    const isNumber = ["integer", "number"].includes([rule.type].flat()[0]);
    const isNothing = value === "" && isNumber && !isRequired && typeof path.at(-1) === "string";
    this.change(path, isNothing ? undefined : value);
    this.find(path.slice(0, -1))?.refresh?.();
  }

  // ------------------------------------------------------------------ lists

  list(path, schema, title, help, remove) {
    const count = () => String((this.document.at(path) ?? []).length);
    const isOpen = path.length > 1 && (this.document.at(path) ?? []).length <= OPEN_LISTS;
    return this.section(path, title, help, (shown) => {
      const items = h("div.cfg-list");
      const draw = () => {
        items.replaceChildren(...this.items(path, schema, draw));
        shown.querySelector(":scope > summary > .cfg-badge").textContent = count();
        this.mark(items);
      };
      draw();
      return items;
    }, remove, { isOpen, badge: count() });
  }

  items(path, schema, draw) {
    const { rule } = this.schema.effective(schema, this.document.at(path));
    const item = rule.items ?? {};
    const values = this.document.at(path) ?? [];
    const shown = values.map((value, index) => this.item([...path, index], item, value, index, values.length, draw));
    return [...shown, this.adder(path, item, values.length, draw)];
  }

  adder(path, item, length, draw) {
    const resolved = this.schema.resolve(item);
    const what = resolved.title ?? t("item");
    const add = (value) => {
      const place = [...path, length];
      this.opened.set(key(place), true);
      this.change(place, value, { isInsertion: true });
      draw();
      this.reveal(place);
    };
    const [variants] = resolved.choices;
    if (!variants || variants.length < 2) return button(`+ ${t("Add")}: ${what}`, `${t("Add")}: ${what}`, () => add(this.schema.initial(item)), { className: ".button" });
    const offered = () => variants.map((variant, index) => ({
      name: String(index), title: this.schema.titleOf(variant, `${what} ${index + 1}`), help: this.schema.resolve(variant).description,
    }));
    return picker(`+ ${t("Add")}: ${what}`, offered, (index) => add(this.schema.initial(this.schema.withChoice(item, undefined, 0, Number(index)))));
  }

  item(path, schema, value, index, count, draw) {
    const list = path.slice(0, -1);
    const move = (step) => {
      this.document.swap(list, index, index + step);
      this.exchange(list, index, index + step);
      this.use.changed();
      draw();
      this.host.querySelector(`[data-path='${CSS.escape(key([...list, index + step]))}']`)?.querySelector(`:scope > .cfg-tools > ${step < 0 ? ".cfg-up" : ".cfg-down"}`)?.focus();
    };
    const remove = () => {
      this.change(path, undefined);
      this.shift(list, index);
      draw();
    };
    const copy = () => {
      this.document.copy(path);
      this.use.changed();
      this.opened.set(key([...list, index + 1]), true);
      draw();
    };
    const tools = [
      button(icon("up"), t("Move up"), () => move(-1), { className: ".cfg-tool.cfg-up", disabled: index === 0 }),
      button(icon("down"), t("Move down"), () => move(1), { className: ".cfg-tool.cfg-down", disabled: index === count - 1 }),
      button(icon("copy"), t("Duplicate"), copy, { className: ".cfg-tool" }),
    ];
    if (kindOf(value) === "object") {
      const shown = this.section(path, this.nameOf(value, index), "", () => this.object(path, schema), remove, { tools, badge: this.kindOf(schema, value) });
      shown.refresh = () => {
        const now = this.document.at(path);
        shown.details.querySelector(":scope > summary > strong").textContent = this.nameOf(now, index);
        shown.details.querySelector(":scope > summary > .cfg-badge").textContent = this.kindOf(schema, now);
      };
      return shown;
    }
    const rule = this.schema.effective(schema, value).rule;
    if (kindOf(value) === "array") {
      return this.section(path, `${index + 1}`, "", () => raw(value, { id: freshId(), change: (next) => this.change(path, next) }), remove, { tools });
    }
    return this.field(path, rule, `${rule.title ?? t("Item")} ${index + 1}`, { remove, isRequired: true, tools });
  }

  nameOf(value, index) {
    const name = NAMING.map((each) => value[each]).find((each) => typeof each === "string" && each !== "");
    return name ?? `${index + 1}`;
  }

  kindOf(schema, value) {
    const { rule, choices } = this.schema.effective(schema, value);
    if (choices.length) return this.schema.titleOf(choices[0].variants[choices[0].index], "");
    return rule.title ?? "";
  }

  // ------------------------------------------------------------------ state

  change(path, value, { isInsertion = false } = {}) {
    if (isInsertion && Array.isArray(this.document.at(path.slice(0, -1)))) this.document.insert(path, value);
    else if (isInsertion) this.document.set(path.slice(0, -1), [value]);
    else this.document.set(path, value);
    this.use.changed();
  }

  find(path) {
    return this.host.querySelector(`[data-path="${CSS.escape(key(path))}"]`);
  }

  /** Open whatever hides a place, and put the cursor there. */
  reveal(path) {
    for (let length = 1; length <= path.length; length += 1) {
      const shown = this.find(path.slice(0, length));
      if (!shown?.details) continue;
      shown.details.open = true;
      shown.fill();
    }
    let shown = null;
    for (let length = path.length; length > 0 && !shown; length -= 1) shown = this.find(path.slice(0, length));
    shown?.scrollIntoView({ block: "nearest" });
    (shown?.querySelector(":scope input, :scope select, :scope textarea") ?? shown?.querySelector("summary"))?.focus();
  }

  exchange(list, one, other) {
    const [first, second] = [this.under([...list, one]), this.under([...list, other])];
    for (const [place] of [...first, ...second]) this.opened.delete(place);
    this.put(first, [...list, one], other);
    this.put(second, [...list, other], one);
  }

  /** What was opened below a removed item belongs to none; the following ones move up. */
  shift(list, index) {
    for (const [place] of this.under([...list, index])) this.opened.delete(place);
    for (let next = index + 1; next <= (this.document.at(list) ?? []).length; next += 1) {
      const moved = this.under([...list, next]);
      for (const [place] of moved) this.opened.delete(place);
      this.put(moved, [...list, next], next - 1);
    }
  }

  under(path) {
    const exact = key(path);
    const start = `${exact.slice(0, -1)},`;
    return [...this.opened].filter(([place]) => place === exact || place.startsWith(start));
  }

  put(entries, path, index) {
    for (const [place, open] of entries) {
      const steps = JSON.parse(place);
      steps[path.length - 1] = index;
      this.opened.set(key(steps), open);
    }
  }

  /** Show what is wrong at its field, and on everything that is closed around it. */
  mark(within = this.host) {
    const at = new Map();
    const around = new Set();
    for (const problem of this.found) {
      const place = key(problem.missing === undefined ? problem.path : [...problem.path, problem.missing]);
      at.set(place, [...(at.get(place) ?? []), problem]);
      for (let length = 1; length <= problem.path.length; length += 1) around.add(key(problem.path.slice(0, length)));
    }
    for (const element of within.querySelectorAll("[data-path]")) {
      const found = at.get(element.dataset.path) ?? [];
      element.classList.toggle("cfg-wrong", found.length > 0 || around.has(element.dataset.path));
      const box = element.details ? element.details.querySelector(":scope > .cfg-body > .cfg-error") : element.querySelector(":scope > .cfg-control > .cfg-error");
      if (box) box.textContent = describe(found);
    }
  }

  show(problems) {
    this.found = problems;
    this.mark();
  }
}
