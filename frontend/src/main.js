// Finds the fields of JSON on a page and gives each its editor.
import { t } from "./dom.js";
import { Editor } from "./editor.js";
import "./editor.css";

const FIELDS = "textarea[data-editor]";
const editors = new WeakMap();
const schemas = new Map();

function fetched(url) {
  if (!schemas.has(url)) {
    schemas.set(url, fetch(url, { headers: { Accept: "application/json" } }).then((answer) => (answer.ok ? answer.json() : null)).catch(() => null));
  }
  return schemas.get(url);
}

function editorOf(textarea) {
  if (!editors.has(textarea)) editors.set(textarea, new Editor(textarea));
  return editors.get(textarea);
}

const chooser = (textarea) => {
  const { schemaSelector } = textarea.dataset;
  return schemaSelector ? document.querySelector(schemaSelector) : null;
};

async function schemaOf(textarea) {
  const { schemaUrl, schemaSelector, schemaKey } = textarea.dataset;
  const found = schemaUrl ? await fetched(schemaUrl) : null;
  return schemaSelector ? found?.[chooser(textarea)?.value || schemaKey] ?? null : found;
}

async function start(textarea, { isChosen = false } = {}) {
  const editor = editorOf(textarea);
  const field = chooser(textarea);
  if (field && !field.value) {
    const label = document.querySelector(`label[for="${field.id}"]`)?.textContent.trim().replace(/:$/, "") ?? "";
    return editor.wait(`${t("Choose this first")}: ${label}`);
  }
  const schema = textarea.dataset.editor === "rows" ? null : await schemaOf(textarea);
  editor.use(schema);
  if (!isChosen) return undefined;
  editor.prune();
  return editor.show(editor.mode);
}

/** Give fields their editors once they come into view: what nobody looks at costs nothing. */
const seen = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    seen.unobserve(target);
    start(target);
  }
}, { rootMargin: "300px" });

function mount(within) {
  for (const textarea of within.querySelectorAll(FIELDS)) {
    if (textarea.id.includes("__prefix__") || textarea.classList.contains("manual") || textarea.disabled || textarea.readOnly) continue;
    seen.observe(textarea);
  }
}

addEventListener("DOMContentLoaded", () => mount(document));
document.addEventListener("formset:added", (event) => mount(event.target));
document.addEventListener("change", (event) => {
  for (const textarea of document.querySelectorAll(FIELDS)) {
    if (editors.has(textarea) && chooser(textarea) === event.target) start(textarea, { isChosen: true });
  }
});
addEventListener("pageshow", () => {
  for (const textarea of document.querySelectorAll(FIELDS)) editors.get(textarea)?.reload();
});

/**
 * Show a field by a schema that a page has at hand; for packages.
 * @param {HTMLTextAreaElement} textarea
 * @param {unknown} _backend not used.
 * @param {object} schema
 * @param {boolean} isInitial whether a field that holds nothing gets what the schema says a new value starts with.
 */
window.django = window.django || {};
window.django._loadJsonSchemaUi = (textarea, _backend, schema, isInitial) => {
  const editor = editorOf(textarea);
  editor.use(schema);
  if (isInitial) editor.begin();
};
