// What can be typed at a place of the code: names and values from the schema, names of variables inside {{ }}.
import { locationAt } from "./text.js";

const OPENED = /\{\{\s*([\w.-]*)$/;
const INSIDE = /"(?:[^"\\\n]|\\.)*$/;

/**
 * Return what may follow at a place.
 * @param {string} text of the document.
 * @param {number} offset of the cursor.
 * @param {import("./schema.js").Schema} schema
 * @param {any} value of the document as it could last be read.
 * @param {{name: string, detail?: string}[]} variables
 * @returns {{from: number, after: number, options: object[]}} `after`: characters behind the cursor that are replaced, too.
 */
export function complete(text, offset, schema, value, variables) {
  const line = text.slice(text.lastIndexOf("\n", offset - 1) + 1, offset);
  const opened = INSIDE.test(line) && OPENED.exec(line);
  if (opened) return ofVariables(text, offset, opened[1], variables);
  const location = locationAt(text, offset);
  const node = location.previousNode;
  const isInside = node && offset > node.offset && offset <= node.offset + node.length;
  const from = isInside ? node.offset : offset;
  const after = isInside ? node.offset + node.length - offset : 0;
  const path = [...location.path];
  if (location.isAtPropertyKey) {
    path.pop();
    return { from, after, options: names(schema, value, path, /^\s*:/.test(text.slice(offset + after))) };
  }
  return { from, after, options: values(schema, value, path) };
}

function ofVariables(text, offset, typed, variables) {
  const isClosed = /^[\w.-]*\s*\}\}/.test(text.slice(offset));
  const options = variables.map(({ name, detail }) => ({ label: name, detail, type: "variable", apply: isClosed ? name : `${name} }}` }));
  return { from: offset - typed.length, after: 0, options };
}

/** Return the rule for the value at a path, and that value. */
function ruleAt(schema, value, path) {
  let at = value;
  let rule = schema.effective(schema.root, at).rule;
  for (const step of path) {
    at = at === null || typeof at !== "object" ? undefined : at[step];
    const next = typeof step === "number" || /^\d+$/.test(step) ? rule.items : schema.part(rule, step);
    if (!next) return { rule: null, at };
    rule = schema.effective(next, at).rule;
  }
  return { rule, at };
}

function names(schema, value, path, hasColon) {
  const { rule, at } = ruleAt(schema, value, path);
  return schema.order(rule ?? {}, Object.keys(rule?.properties ?? {})).filter((name) => !at || typeof at !== "object" || !(name in at))
    .map((name, index) => {
      const part = schema.resolve(rule.properties[name]);
      const key = JSON.stringify(name);
      return {
        label: key, type: "property", detail: part.title, info: part.description, boost: 50 - index / 4,
        ...(hasColon ? { apply: key } : { snippet: `${key}: ${placeholder(schema, rule.properties[name], part)}` }),
      };
    });
}

function placeholder(schema, rule, part) {
  const type = schema.typeOf(part);
  if (type === "object") return "{${}}";
  if (type === "array") return "[${}]";
  const initial = schema.initial(rule);
  return typeof initial === "string" ? `"\${${escaped(initial)}}"` : `\${${escaped(JSON.stringify(initial))}}`;
}

const escaped = (text) => text.replace(/[\\{}]/g, "\\$&");

function values(schema, value, path) {
  const { rule } = ruleAt(schema, value, path);
  if (!rule) return [];
  const titles = rule.options?.enum_titles ?? [];
  const found = rule.enum ?? ({ boolean: [true, false] }[rule.type] ?? (rule.default === undefined ? [] : [rule.default]));
  return found.map((each, index) => ({ label: JSON.stringify(each), type: "constant", detail: titles[index] }));
}
