"use strict";

// Makes fields of the schema of a command's input. Texts are put in as text, never as markup.
window.controllerCommandFields = (function () {
  let counter = 0;

  function element(tag, attributes, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== undefined && value !== null && value !== false) {
        made.setAttribute(name, value === true ? "" : value);
      }
    }
    made.append(...children.filter((child) => child !== null && child !== undefined));
    return made;
  }

  /** Follow references and put together what belongs together. */
  function resolved(schema, root) {
    let rule = schema || {};
    if (typeof rule.$ref === "string") {
      const target = rule.$ref.replace(/^#\/?/, "").split("/").filter(Boolean).reduce((found, step) => found && found[step], root);
      rule = { ...target, ...rule };
    }
    for (const part of rule.allOf || []) {
      rule = { ...resolved(part, root), ...rule };
    }
    return rule;
  }

  class Fields {
    /**
     * @param {HTMLElement} box gets the fields.
     * @param {object|null} schema of the input.
     * @param {object} texts by name; see `admin/command_fields.py`.
     * @param {*} [value] what is filled in.
     */
    constructor(box, schema, texts, value) {
      this.box = box;
      this.schema = schema || { type: "null" };
      this.texts = texts;
      this.parts = [];
      const properties = this.schema.properties || {};
      this.isObject = Object.keys(properties).length > 0;
      const rows = [];
      if (this.isObject) {
        for (const name of Object.keys(properties)) {
          rows.push(this.row(name, resolved(properties[name], this.schema), value && typeof value === "object" ? value[name] : undefined));
        }
      } else if (this.schema.type !== "null") {
        rows.push(this.row("", { ...this.schema, type: "object" }, value));
      }
      if (rows.length && this.schema.message) {
        rows.push(element("p", { class: "help" }, this.schema.message));
      }
      box.replaceChildren(...rows);
    }

    row(name, rule, value) {
      counter += 1;
      const id = "command-field-" + counter;
      const isRequired = (this.schema.required || []).includes(name);
      const control = this.control(rule, value === undefined ? rule.default : value);
      const error = element("p", { class: "command-error", id: id + "-error", role: "alert" });
      const help = rule.description ? element("p", { class: "help", id: id + "-help" }, rule.description) : null;
      control.id = id;
      control.name = name;
      control.setAttribute("aria-describedby", (help ? help.id + " " : "") + error.id);
      control.setAttribute("aria-required", isRequired);
      control.addEventListener("input", () => this.tell(part, ""));
      const part = { name, rule, isRequired, control, error };
      this.parts.push(part);
      const label = element("label", { for: id, class: isRequired ? "required" : undefined }, rule.title || name);
      return element("div", { class: "command-field" }, label, control, help, error);
    }

    control(rule, value) {
      if (Array.isArray(rule.enum)) {
        const select = element("select", {}, element("option", { value: "" }, "---------"));
        rule.enum.forEach((each, place) => select.append(element("option", { value: place, selected: each === value }, String(each))));
        return select;
      }
      if (rule.type === "boolean") {
        const box = element("input", { type: "checkbox" });
        box.checked = Boolean(value);
        return box;
      }
      if (rule.type === "object" || rule.type === "array") {
        const area = element("textarea", { rows: 4, spellcheck: "false", class: "command-json" });
        area.value = value === undefined || value === null ? "" : JSON.stringify(value, null, 2);
        return area;
      }
      const isLong = rule.format === "textarea";
      const type = rule.format === "password" ? "password" : rule.type === "integer" || rule.type === "number" ? "number" : "text";
      const control = isLong ? element("textarea", { rows: 4 }) : element("input", { type, step: rule.type === "number" ? "any" : undefined });
      control.autocomplete = type === "password" ? "new-password" : "off";
      control.spellcheck = false;
      control.value = value === undefined || value === null ? "" : value;
      return control;
    }

    /** Return the input; undefined stands for what is left out, and for what is no JSON. */
    read({ rule, isRequired, control }) {
      if (rule.type === "boolean" && !rule.enum) {
        return control.checked;
      }
      if (control.value === "") {
        return isRequired && !rule.enum && rule.type !== "integer" && rule.type !== "number" && !control.classList.contains("command-json") ? "" : undefined;
      }
      if (rule.enum) {
        return rule.enum[Number(control.value)];
      }
      if (rule.type === "integer" || rule.type === "number") {
        return Number(control.value);
      }
      if (control.classList.contains("command-json")) {
        try {
          return JSON.parse(control.value);
        } catch (error) {
          return undefined;
        }
      }
      return control.value;
    }

    /** Return what is to be sent. */
    values() {
      if (!this.parts.length) {
        return null;
      }
      if (!this.isObject) {
        return this.read(this.parts[0]) ?? null;
      }
      const found = {};
      for (const part of this.parts) {
        const value = this.read(part);
        if (value !== undefined) {
          found[part.name] = value;
        }
      }
      return found;
    }

    mistake(part) {
      const { rule, isRequired, control } = part;
      const value = this.read(part);
      const say = (name, number) => this.texts[name].replace("{}", number);
      if (control.validity && control.validity.badInput) {
        return this.texts.number;
      }
      if (control.classList.contains("command-json") && control.value !== "" && value === undefined) {
        return this.texts.json;
      }
      if (value === undefined || value === "") {
        return isRequired ? this.texts.required : "";
      }
      if (typeof value === "string") {
        const length = [...value].length;
        if (length < (rule.minLength || 0)) {
          return say("minLength", rule.minLength);
        }
        if (length > (rule.maxLength ?? Infinity)) {
          return say("maxLength", rule.maxLength);
        }
        return rule.pattern && !matches(rule.pattern, value) ? this.texts.pattern : "";
      }
      if (typeof value === "number") {
        if (value < (rule.minimum ?? -Infinity)) {
          return say("minimum", rule.minimum);
        }
        return value > (rule.maximum ?? Infinity) ? say("maximum", rule.maximum) : "";
      }
      return "";
    }

    tell(part, text) {
      part.error.textContent = text;
      part.control.toggleAttribute("aria-invalid", Boolean(text));
      if (text) {
        part.control.setAttribute("aria-invalid", "true");
      }
    }

    /** Say at each field what is wrong with it, and return whether all are right. */
    check() {
      return this.explain(Object.fromEntries(this.parts.map((part) => [part.name, this.mistake(part)])));
    }

    /**
     * Say what is wrong, by the names of fields, and return whether nothing is.
     * @param {object} mistakes
     */
    explain(mistakes) {
      const wrong = this.parts.filter((part) => {
        this.tell(part, mistakes[part.name] || "");
        return mistakes[part.name];
      });
      if (wrong.length) {
        wrong[0].control.focus();
      }
      return wrong.length === 0;
    }
  }

  function matches(pattern, value) {
    try {
      return new RegExp(pattern, "u").test(value);
    } catch (error) {
      return true; // a pattern of Python alone: the server knows
    }
  }

  return { Fields };
})();
