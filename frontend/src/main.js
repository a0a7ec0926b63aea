// Finds the fields of JSON on a page and gives each its editor.
import { t } from "./dom.js";
import { Editor } from "./editor.js";
import "./editor.css";

const FIELDS = "textarea[data-editor]";
const editors = new WeakMap();
const started = new WeakSet();
const postponed = [];
let isPressed = false;
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

/** Change the height of the page, but not under a button that is being pressed: it has to be there when it is let go. */
function whenNothingIsPressed(change) {
  if (isPressed) postponed.push(change);
  else change();
}

addEventListener("pointerdown", () => { isPressed = true; }, true);
for (const kind of ["pointerup", "pointercancel"]) {
  addEventListener(kind, () => {
    isPressed = false;
    setTimeout(() => postponed.splice(0).forEach(whenNothingIsPressed)); // the click comes first
  }, true);
}

async function start(textarea, { isChosen = false } = {}) {
  started.add(textarea);
  const field = chooser(textarea);
  if (field && !field.value) {
    const label = document.querySelector(`label[for="${field.id}"]`)?.textContent.trim().replace(/:$/, "") ?? "";
    return whenNothingIsPressed(() => editorOf(textarea).wait(`${t("Choose this first")}: ${label}`));
  }
  const schema = textarea.dataset.editor === "rows" ? null : await schemaOf(textarea);
  return whenNothingIsPressed(() => {
    const editor = editorOf(textarea);
    editor.use(schema);
    if (!isChosen) return;
    editor.prune();
    editor.show(editor.mode);
  });
}

/**
 * Give fields their editors once they are shown: those of a tab that nobody opens cost nothing. Where on the page they
 * stand does not matter, for it must not move while somebody scrolls through it.
 */
const shown = new ResizeObserver((entries) => {
  for (const { contentRect, target } of entries) {
    if (contentRect.height === 0) continue;
    shown.unobserve(target);
    start(target);
  }
});

function mount(within) {
  for (const textarea of within.querySelectorAll(FIELDS)) {
    if (textarea.id.includes("__prefix__") || textarea.classList.contains("manual") || textarea.disabled || textarea.readOnly) continue;
    shown.observe(textarea);
  }
}

addEventListener("DOMContentLoaded", () => mount(document));
document.addEventListener("formset:added", (event) => mount(event.target));
document.addEventListener("change", (event) => {
  for (const textarea of document.querySelectorAll(FIELDS)) {
    if (started.has(textarea) && chooser(textarea) === event.target) start(textarea, { isChosen: true });
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
