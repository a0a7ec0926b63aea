// What a JSON schema (draft 4) says about a value: the parts of an object, the variants to choose from, what is wrong.
const VARIABLE = /\{\{[^}]*\}\}/;
const DEPTH = 12;
const WRONG_KIND = 100; // a discriminating value, such as the type of an interface, weighs more than other mistakes

/** Tell whether a text has a variable in it, so that its value is only known on the device. */
export const hasVariable = (value) => typeof value === "string" && VARIABLE.test(value);

export const kindOf = (value) => {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value;
};

/** Tell whether two values are the same JSON. */
export function same(left, right) {
  if (left === right) return true;
  if (typeof left !== "object" || typeof right !== "object" || !left || !right) return false;
  if (Array.isArray(left) !== Array.isArray(right)) return false;
  const names = Object.keys(left);
  return names.length === Object.keys(right).length && names.every((name) => name in right && same(left[name], right[name]));
}

function both(left, right, combine) {
  if (left === undefined) return right;
  return right === undefined ? left : combine(left, right);
}

/** Return one schema that asks for what each of two asks for; the first one's texts are kept. */
function merged(left, right) {
  const result = { ...right, ...left };
  const properties = { ...(left.properties ?? {}) };
  for (const [name, rule] of Object.entries(right.properties ?? {})) {
    properties[name] = properties[name] ? { allOf: [properties[name], rule] } : rule;
  }
  if (left.properties || right.properties) result.properties = properties;
  if (left.required || right.required) result.required = [...new Set([...(left.required ?? []), ...(right.required ?? [])])];
  result.enum = both(left.enum, right.enum, (one, other) => one.filter((value) => other.some((each) => same(each, value))));
  if (left.enum && right.enum) result.options = left.enum.length <= right.enum.length ? left.options : right.options;
  else if (left.enum && left.options) result.options = left.options;
  result.minimum = both(left.minimum, right.minimum, Math.max);
  result.maximum = both(left.maximum, right.maximum, Math.min);
  result.minLength = both(left.minLength, right.minLength, Math.max);
  result.maxLength = both(left.maxLength, right.maxLength, Math.min);
  result.propertyOrder = both(left.propertyOrder, right.propertyOrder, (one) => one);
  result.choices = [...(left.choices ?? []), ...(right.choices ?? [])];
  for (const name of Object.keys(result)) if (result[name] === undefined) delete result[name];
  return result;
}

/** A schema with its definitions. */
export class Schema {
  /**
   * @param {object} root
   * @param {string} [mask] stands for a secret that is not shown; suits every rule.
   */
  constructor(root, mask) {
    this.root = root ?? {};
    this.mask = mask;
    this.cache = new WeakMap();
  }

  /** Follow references and put together what belongs together; what can be chosen is left in `choices`. */
  resolve(schema, depth = 0) {
    if (!schema || typeof schema !== "object" || depth > DEPTH) return { choices: [] };
    const known = this.cache.get(schema);
    if (known) return known;
    const { $ref, allOf, oneOf, anyOf, ...own } = schema;
    let result = { ...own, choices: [oneOf, anyOf].filter(Array.isArray) };
    if (typeof $ref === "string") result = merged(result, this.resolve(this.target($ref), depth + 1));
    for (const part of allOf ?? []) result = merged(result, this.resolve(part, depth + 1));
    this.cache.set(schema, result);
    return result;
  }

  target(reference) {
    return reference.replace(/^#\/?/, "").split("/").filter(Boolean)
      .reduce((found, step) => found?.[step.replaceAll("~1", "/").replaceAll("~0", "~")], this.root);
  }

  /**
   * Return what holds for a value once the best variants are chosen.
   * @returns {{rule: object, choices: {variants: object[], index: number}[]}}
   */
  effective(schema, value) {
    let rule = this.resolve(schema);
    const choices = [];
    while (rule.choices.length && choices.length < DEPTH) {
      const [variants, ...rest] = rule.choices;
      const index = this.best(variants, value);
      choices.push({ variants, index });
      rule = merged({ ...rule, choices: rest }, this.resolve(variants[index]));
    }
    return { rule, choices };
  }

  /** Return the number of the variant that a value was most likely meant for. */
  best(variants, value) {
    let found = 0;
    let least = Infinity;
    for (const [index, variant] of variants.entries()) {
      const cost = this.cost(variant, value);
      if (cost < least) [found, least] = [index, cost];
      if (cost === 0) break;
    }
    return found;
  }

  cost(variant, value) {
    return this.problems(variant, value).reduce((sum, problem) => sum + problem.weight, 0);
  }

  /** Return what is said about a part of an object; an exclamation mark behind its name replaces what templates said. */
  part(rule, name) {
    return rule.properties?.[name] ?? rule.properties?.[String(name).replace(/!$/, "")];
  }

  titleOf(variant, fallback) {
    return this.resolve(variant).title ?? fallback;
  }

  /**
   * Return the names of the parts of an object, those with a rule in the order that the schema wants.
   * @param {object} rule resolved, see `effective`.
   */
  order(rule, names) {
    const place = (name) => (this.part(rule, name) ? this.resolve(this.part(rule, name)).propertyOrder ?? 1000 : 2000);
    return [...names].map((name, index) => ({ name, index }))
      .sort((one, other) => place(one.name) - place(other.name) || one.index - other.index).map((each) => each.name);
  }

  /** Return a value without what a schema that allows nothing else does not know. */
  pruned(value) {
    const { rule } = this.effective(this.root, value);
    if (rule.additionalProperties !== false || kindOf(value) !== "object") return value;
    return Object.fromEntries(Object.entries(value).filter(([name]) => this.part(rule, name)));
  }

  /** Return what a new value starts with: what is required, what tells its kind, and variants inside it. */
  initial(schema, depth = 0) {
    const { rule } = this.effective(schema, undefined);
    if (rule.default !== undefined) return structuredClone(rule.default);
    if (rule.enum?.length) return rule.enum[0];
    const type = Array.isArray(rule.type) ? rule.type[0] : rule.type ?? (rule.properties ? "object" : rule.items ? "array" : "string");
    if (type === "object") return this.initialObject(rule, depth);
    if (type === "array") {
      return Array.from({ length: depth < DEPTH ? rule.minItems ?? 0 : 0 }, () => this.initial(rule.items, depth + 1));
    }
    if (type === "integer" || type === "number") return rule.minimum ?? 0;
    return { boolean: false, null: null }[type] ?? "";
  }

  initialObject(rule, depth) {
    const result = {};
    for (const name of this.order(rule, Object.keys(rule.properties ?? {}))) {
      if (depth < DEPTH && this.isBasic(rule, name)) result[name] = this.initial(rule.properties[name], depth + 1);
    }
    return result;
  }

  isBasic(rule, name) {
    if (rule.required?.includes(name)) return true;
    const part = this.resolve(rule.properties[name]);
    return part.enum?.length === 1 || (part.choices.length > 0 && this.typeOf(part) === "object");
  }

  typeOf(rule) {
    if (rule.type) return Array.isArray(rule.type) ? rule.type[0] : rule.type;
    const inner = rule.choices?.[0]?.[0];
    if (rule.properties) return "object";
    return inner ? this.typeOf(this.resolve(inner)) : undefined;
  }

  /** Return a value for another variant: what suits both is kept, what neither knows as well. */
  converted(schema, value, group, index) {
    const before = this.effective(schema, value);
    const target = this.withChoice(schema, value, group, index);
    const fresh = this.initial(target);
    if (kindOf(value) !== "object" || kindOf(fresh) !== "object") return fresh;
    const { rule } = this.effective(target, fresh);
    const result = {};
    for (const [name, part] of Object.entries(value)) {
      const wanted = this.part(rule, name);
      if (wanted ? this.cost(wanted, part) === 0 : !this.part(before.rule, name) && rule.additionalProperties !== false) {
        result[name] = part;
      }
    }
    return { ...result, ...Object.fromEntries(Object.entries(fresh).filter(([name]) => !(name in result))) };
  }

  withChoice(schema, value, group, index) {
    let rule = this.resolve(schema);
    for (let turn = 0; rule.choices.length && turn < DEPTH; turn += 1) {
      const [variants, ...rest] = rule.choices;
      const chosen = turn === group ? index : turn > group ? 0 : this.best(variants, value);
      rule = merged({ ...rule, choices: rest }, this.resolve(variants[chosen]));
      if (turn === group) break;
    }
    const { choices, ...plain } = rule;
    return choices.length ? { ...plain, allOf: choices.map((oneOf) => ({ oneOf })) } : plain;
  }

  /**
   * Return what is wrong with a value, each with its path; texts with variables suit every scalar.
   * @returns {{path: (string|number)[], text: string, weight: number}[]}
   */
  problems(schema, value, path = [], depth = 0) {
    const rule = this.resolve(schema);
    if (depth > DEPTH) return [];
    const found = this.ownProblems(rule, value, path, depth);
    for (const variants of rule.choices) found.push(...this.variantProblems(variants, value, path, depth));
    return found;
  }

  variantProblems(variants, value, path, depth) {
    let least = null;
    let leastCost = Infinity;
    for (const variant of variants) {
      const found = this.problems(variant, value, path, depth + 1);
      const cost = found.reduce((sum, problem) => sum + problem.weight, 0);
      if (cost === 0) return [];
      if (cost < leastCost) [least, leastCost] = [found, cost];
    }
    return least ?? [];
  }

  ownProblems(rule, value, path, depth) {
    if (this.mask && value === this.mask) return [];
    if (hasVariable(value) && !["object", "array"].includes(this.typeOf(rule))) return [];
    const wrong = (text, weight = 1) => [{ path, text, weight }];
    const kind = kindOf(value);
    if (rule.type && !suits(rule.type, kind)) return wrong(`has to be ${NAMES[[rule.type].flat()[0]] ?? rule.type}`, WRONG_KIND);
    if (rule.enum && !rule.enum.some((each) => same(each, value))) {
      return wrong(`has to be one of ${rule.enum.slice(0, 8).map((each) => JSON.stringify(each)).join(", ")}${rule.enum.length > 8 ? " …" : ""}`, WRONG_KIND);
    }
    if (kind === "string") return wrongText(rule, value).flatMap((text) => wrong(text));
    if (kind === "integer" || kind === "number") return wrongNumber(rule, value).flatMap((text) => wrong(text));
    if (kind === "array") return this.listProblems(rule, value, path, depth);
    return kind === "object" ? this.objectProblems(rule, value, path, depth) : [];
  }

  listProblems(rule, value, path, depth) {
    const found = [];
    if (value.length < (rule.minItems ?? 0)) found.push({ path, text: `needs at least ${rule.minItems} items`, weight: 1 });
    if (value.length > (rule.maxItems ?? Infinity)) found.push({ path, text: `has at most ${rule.maxItems} items`, weight: 1 });
    if (rule.uniqueItems) {
      const seen = new Set();
      value.forEach((item, index) => {
        const text = JSON.stringify(item);
        if (seen.has(text)) found.push({ path: [...path, index], text: "is in the list twice", weight: 1 });
        seen.add(text);
      });
    }
    if (rule.items) value.forEach((item, index) => found.push(...this.problems(rule.items, item, [...path, index], depth + 1)));
    return found;
  }

  objectProblems(rule, value, path, depth) {
    const found = [];
    for (const name of rule.required ?? []) {
      if (!(name in value || `${name}!` in value)) found.push({ path, text: `“${name}” is missing`, weight: 1, missing: name });
    }
    for (const [name, part] of Object.entries(value)) {
      const known = this.part(rule, name);
      if (known) found.push(...this.problems(known, part, [...path, name], depth + 1));
      else if (rule.additionalProperties === false && !rule.choices.length && !rule.patternProperties) {
        found.push({ path: [...path, name], text: "is not known here", weight: 1 });
      }
    }
    return found;
  }
}

const NAMES = {
  array: "a list", object: "an object", string: "a text", integer: "a whole number", number: "a number",
  boolean: "true or false", null: "null",
};

function suits(types, kind) {
  return [types].flat().some((type) => type === kind || (type === "number" && kind === "integer"));
}

function wrongText(rule, value) {
  const length = [...value].length;
  if (length < (rule.minLength ?? 0)) return [length ? `needs at least ${rule.minLength} characters` : "must not be empty"];
  if (length > (rule.maxLength ?? Infinity)) return [`has at most ${rule.maxLength} characters`];
  if (rule.pattern && !matches(rule.pattern, value)) return ["is not written as it should be"];
  return [];
}

function matches(pattern, value) {
  try {
    return new RegExp(pattern, "u").test(value);
  } catch {
    try {
      return new RegExp(pattern).test(value);
    } catch {
      return true; // a pattern of Python alone: the server knows
    }
  }
}

function wrongNumber(rule, value) {
  if (value < (rule.minimum ?? -Infinity)) return [`is at least ${rule.minimum}`];
  if (value > (rule.maximum ?? Infinity)) return [`is at most ${rule.maximum}`];
  return [];
}
