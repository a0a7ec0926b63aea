// One field of JSON: a form and a code editor over the same text. The textarea stays what is posted.
import { complete } from "./completion.js";
import { button, debounced, h, icon, t } from "./dom.js";
import { SchemaForm } from "./form.js";
import { VariableRows } from "./rows.js";
import { Schema, kindOf } from "./schema.js";
import { JsonText, formatted, rangeOf } from "./text.js";
import { known, layers, offer, users, weakerThan } from "./variables.js";

const SHOWN = 5;
const MISTAKE = /triggered by "#\/([^"]*)", validator says:\s*([\s\S]*?)(?=Invalid configuration triggered|$)/g;

const pathText = (path) => path.map((step) => (typeof step === "number" ? step + 1 : step)).join(" › ");

export class Editor {
  /** @param {HTMLTextAreaElement} textarea stays in the page and is kept up to date. */
  constructor(textarea) {
    this.textarea = textarea;
    this.isRows = textarea.dataset.editor === "rows";
    this.hasCode = textarea.dataset.advanced !== "false";
    this.document = new JsonText(textarea.value);
    this.document.listeners.push((text) => this.written(text));
    this.check = debounced(() => this.validate(), 250);
    this.build();
    textarea.addEventListener("change", () => this.reload());
    textarea.classList.add("cfg-hidden");
    textarea.required = false; // browsers refuse to post what is required and hidden, without a word
    this.told = this.serverErrors();
  }

  build() {
    const name = this.label();
    const group = { role: "group", "aria-label": t("How to edit it") };
    this.formButton = button(this.isRows ? t("Rows") : t("Form"), this.isRows ? t("Edit as rows") : t("Edit as a form"), () => this.show("form"));
    this.codeButton = button(this.isRows ? "JSON" : t("Code"), t("Edit the JSON itself"), () => this.show("code"));
    this.undoButton = button(t("Undo"), t("Take the last edit back"), () => this.undo(), { className: ".button", disabled: true });
    this.fullButton = button(icon("full"), t("Full screen"), () => this.fill(!this.box.classList.contains("cfg-full")), { className: ".button.cfg-fullscreen" });
    this.layoutButton = button(t("Lay out"), t("Lay the JSON out over several lines"), () => this.layOut(), { className: ".button" });
    this.notice = h("p.cfg-notice", { role: "alert", hidden: true });
    this.problems = h("div.cfg-problems", { hidden: true });
    this.form = h("div.cfg-form");
    this.code = h("div.cfg-code", { hidden: true });
    const { helpUrl } = this.textarea.dataset;
    const help = helpUrl && h("a", { href: helpUrl, target: "_blank", rel: "noopener noreferrer" }, t("What can be configured"));
    this.bar = h("div.cfg-bar", {}, h("div.cfg-switch", group, this.formButton, this.codeButton), this.undoButton, this.layoutButton,
      h("span.cfg-space"), help, this.fullButton);
    this.bar.hidden = !this.hasCode;
    this.box = h("div.cfg-editor.jsoneditor-wrapper", { id: `${this.textarea.id}_jsoneditor`, "aria-label": name, role: "group" },
      this.bar, this.notice, this.problems, this.form, this.code);
    this.box.addEventListener("keydown", (event) => this.keys(event));
    const row = this.textarea.classList.contains("manual") ? this.textarea.closest(".form-row") : null;
    (row ?? this.textarea).after(this.box);
  }

  label() {
    const label = document.querySelector(`label[for="${CSS.escape(this.textarea.id)}"]`);
    return label?.textContent.trim().replace(/:$/, "") || this.textarea.name;
  }

  /** Show the editor with a schema; null while there is none. */
  use(schema) {
    this.schema = schema ? new Schema(schema, this.textarea.dataset.mask) : null;
    this.bar.hidden = !this.hasCode;
    const wanted = this.mode ?? (this.isSound() && (this.isRows || this.schema) ? "form" : "code");
    this.mode = undefined;
    this.show(wanted);
  }

  /** Show nothing but what has to be chosen first. */
  wait(text) {
    this.tell(text);
    this.bar.hidden = this.form.hidden = this.code.hidden = this.problems.hidden = true;
  }

  /** Put in what a new value starts with, where there is nothing yet. */
  begin() {
    if (!this.schema || !this.isSound() || !(this.isEmpty() || !this.document.text.trim())) return;
    this.document.replace(JSON.stringify(this.schema.initial(this.schema.root)), { remember: false });
    this.show(this.mode);
  }

  /** Leave out what the schema refuses; for fields whose schema somebody chose anew. */
  prune() {
    const value = this.schema && this.isSound() && !this.isEmpty() ? this.schema.pruned(this.document.value) : this.document.value;
    if (JSON.stringify(value) !== JSON.stringify(this.document.value)) this.document.set([], value);
  }

  // ------------------------------------------------------------------ switching

  isSound() {
    return this.document.isSound && (this.isEmpty() || kindOf(this.document.value) === "object");
  }

  isEmpty() {
    return this.document.value === null || this.document.value === undefined;
  }

  show(mode) {
    if (mode === "form" && !this.isSound()) {
      const [first] = this.document.parsed.problems;
      this.tell(first ? `${t("The JSON is broken")}, ${t("line")} ${first.line}: ${t(first.text)}.` : t("Only an object can be shown as a form."));
      if (this.mode === "code") {
        if (first) this.editor?.then((editor) => editor.go(first.from));
        return;
      }
      mode = "code";
    } else if (mode === "form" && !this.isRows && !this.schema) {
      this.tell(t("There is no schema for this, so it can only be edited as code."));
      mode = "code";
    } else this.tell("");
    this.rememberCode(mode);
    this.mode = mode;
    this.form.hidden = mode !== "form";
    this.code.hidden = mode !== "code";
    this.layoutButton.hidden = mode !== "code";
    this.undoButton.hidden = mode !== "form";
    this.formButton.setAttribute("aria-pressed", mode === "form");
    this.codeButton.setAttribute("aria-pressed", mode === "code");
    if (mode === "form") this.showForm();
    else this.showCode();
    this.validate();
  }

  /** What was typed as code is one edit, for who takes back edits of the form. */
  rememberCode(mode) {
    if (mode === "form" && this.beforeCode !== undefined && this.beforeCode !== this.document.text) this.document.past.push(this.beforeCode);
    if (mode === "code") this.beforeCode ??= this.document.text;
    else this.beforeCode = undefined;
    this.undoButton.disabled = this.document.past.length === 0;
  }

  showForm() {
    if (this.isRows) {
      const { variables: origin } = this.textarea.dataset;
      this.fields = new VariableRows(this.form, this.document, {
        changed: () => {},
        overridden: (name) => layers(name, origin).weaker,
        strongerThan: (name) => layers(name, origin).stronger[0]?.origin ?? "",
        used: users,
        inherited: () => (["device", "group"].includes(origin) ? weakerThan(origin) : []),
      });
    } else {
      const secrets = (this.textarea.dataset.secrets ?? "").split(" ");
      this.fields = new SchemaForm(this.form, this.document, this.schema, {
        changed: () => {}, offerVariables: offer, isSecret: (name) => secrets.includes(name),
        menu: this.textarea.dataset.menu ?? t("Configuration menu"),
      });
    }
    if (this.opened) this.fields.opened = this.opened;
    this.opened = this.fields.opened;
    this.fields.render();
  }

  async showCode() {
    if (!this.editor) {
      this.editor = this.loadCode();
      this.editor.catch(() => {
        this.editor = null;
        this.tell(t("The code editor could not be loaded; here is the plain text."));
        this.textarea.classList.remove("cfg-hidden");
      });
    }
    const editor = await this.editor.catch(() => null);
    editor?.put(this.document.text);
  }

  async loadCode() {
    const { createCode } = await import(this.textarea.dataset.codeUrl);
    return createCode({
      parent: this.code, text: this.document.text, label: this.label(),
      change: (text) => this.document.replace(text, { remember: false }),
      problems: (text) => this.diagnostics(text),
      complete: (text, offset) => complete(text, offset, this.schema ?? new Schema({}), this.document.value, known()),
    });
  }

  // ------------------------------------------------------------------ the text

  written(text) {
    this.textarea.value = text;
    this.undoButton.disabled = this.document.past.length === 0;
    this.tell("");
    this.told = [];
    this.check();
    this.isWriting = true;
    this.textarea.dispatchEvent(new Event("change", { bubbles: true }));
    this.isWriting = false;
  }

  /** Take over what another script, or the browser going back, put into the textarea. */
  reload() {
    if (this.isWriting || this.textarea.value === this.document.text) return;
    this.document.replace(this.textarea.value);
    if (this.mode) this.show(this.mode);
  }

  undo() {
    this.document.undo();
    this.show("form");
  }

  layOut() {
    if (this.document.isSound) this.document.replace(formatted(this.document.text), { remember: false });
    this.editor?.then((editor) => editor.put(this.document.text));
  }

  // ------------------------------------------------------------------ what is wrong

  found() {
    if (this.isRows || !this.schema || !this.isSound() || this.isEmpty()) return [];
    if (Object.keys(this.document.value).length === 0) return []; // nobody has begun
    return this.schema.problems(this.schema.root, this.document.value);
  }

  validate() {
    const silent = this.textarea.dataset.showErrors === "never";
    const found = silent ? [] : this.found();
    if (this.mode === "form") this.fields?.show?.(found);
    this.problems.hidden = found.length === 0;
    const shown = found.slice(0, SHOWN).map((problem) => h("li", {}, button(
      `${pathText(problem.path) || this.label()}: ${t(problem.text)}`, t("Go there"), () => this.go(problem), { className: ".cfg-link" })));
    const more = found.length > SHOWN ? h("li", {}, `… ${found.length - SHOWN} ${t("more")}`) : null;
    this.problems.replaceChildren(h("strong", {}, this.textarea.dataset.uses
      ? t("Does not suit the schema; templates may add what is missing.") : t("This is not complete or not right yet.")),
      h("ul", {}, ...[...shown, more].filter(Boolean)));
  }

  go(problem) {
    const path = problem.missing === undefined ? problem.path : [...problem.path, problem.missing];
    if (this.mode === "form") this.fields.reveal(path);
    else this.editor?.then((editor) => editor.go(rangeOf(this.document.parsed.tree, problem.path).from));
  }

  diagnostics(text) {
    const { problems, tree } = this.document.text === text ? this.document.parsed : new JsonText(text).parsed;
    if (problems.length) {
      return problems.map((each) => ({ from: each.from, to: each.to, severity: "error", message: `${t("Line")} ${each.line}: ${t(each.text)}` }));
    }
    const hints = this.found().map((problem) => ({ ...rangeOf(tree, problem.path), severity: "warning", message: t(problem.text) }));
    const told = this.told.map(({ path, text: message }) => ({ ...rangeOf(tree, path), severity: "error", message }));
    return [...told, ...hints];
  }

  /** Return what the server refused, with the place that it names. */
  serverErrors() {
    const row = this.textarea.closest(".form-row, .fieldBox");
    const text = [...(row?.querySelectorAll(".errorlist li") ?? [])].map((item) => item.textContent).join("\n");
    return [...text.matchAll(MISTAKE)].map(([, pointer, reason]) => ({
      path: pointer.split("/").filter(Boolean).map((step) => (/^\d+$/.test(step) ? Number(step) : step)), text: reason.trim(),
    }));
  }

  tell(text) {
    this.notice.hidden = !text;
    this.notice.textContent = text;
  }

  // ------------------------------------------------------------------ full screen and keys

  fill(isFull) {
    this.box.classList.toggle("cfg-full", isFull);
    document.documentElement.classList.toggle("cfg-no-scroll", isFull);
    this.fullButton.setAttribute("aria-pressed", isFull);
  }

  keys(event) {
    if (event.key === "Escape" && !event.defaultPrevented) this.fill(false);
    if (event.key === "Enter" && event.target.tagName === "INPUT") event.preventDefault();
  }
}

