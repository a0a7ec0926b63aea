// The texts of a JSON field, edited in place: whatever an edit does not concern stays as it was typed.
import {
  applyEdits, findNodeAtLocation, format, getLocation, getNodeValue, modify, parseTree, printParseErrorCode,
} from "jsonc-parser";

const FORMAT = { insertSpaces: true, tabSize: 4, eol: "\n" };
const STRICT = { disallowComments: true, allowTrailingComma: false };
const HISTORY = 100;
const SYNTAX = {
  InvalidSymbol: "this is no JSON value; texts stand in double quotes",
  InvalidNumberFormat: "this is no number",
  PropertyNameExpected: "the name of a property, in double quotes, is expected here",
  ValueExpected: "a value is expected here",
  ColonExpected: "a colon is expected here",
  CommaExpected: "a comma is expected here",
  CloseBraceExpected: "a closing brace } is missing",
  CloseBracketExpected: "a closing bracket ] is missing",
  EndOfFileExpected: "there is something after the end",
  InvalidCommentToken: "JSON has no comments",
  UnexpectedEndOfComment: "JSON has no comments",
  UnexpectedEndOfString: "the text has no closing quote",
  UnexpectedEndOfNumber: "the number is incomplete",
  InvalidUnicode: "this is no Unicode escape",
  InvalidEscapeCharacter: "this escape is not known",
  InvalidCharacter: "this character has to be written as an escape",
};

/**
 * Parse JSON strictly.
 * @param {string} text what was typed; nothing at all stands for an empty object.
 * @returns {{tree: object|undefined, value: any, problems: {from: number, to: number, line: number, text: string}[]}}
 */
export function parse(text) {
  if (!text.trim()) return { tree: undefined, value: {}, problems: [] };
  const found = [];
  const tree = parseTree(text, found, STRICT);
  const first = found.filter((error, index) => index === 0 || error.offset !== found[index - 1].offset);
  const problems = first.map((error) => ({
    from: error.offset,
    to: Math.min(text.length, error.offset + Math.max(1, error.length)),
    line: lineAt(text, error.offset),
    text: SYNTAX[printParseErrorCode(error.error)] ?? printParseErrorCode(error.error),
  }));
  if (!problems.length) problems.push(...doubled(text, tree));
  return { tree, value: tree ? getNodeValue(tree) : undefined, problems };
}

/** Return the properties that stand in an object twice: which one counts is not what everybody thinks. */
function doubled(text, node) {
  if (!node?.children) return [];
  const found = [];
  const seen = new Set();
  for (const child of node.children) {
    const [name] = child.type === "property" ? child.children : [];
    if (name && seen.has(name.value)) {
      found.push({ from: name.offset, to: name.offset + name.length, line: lineAt(text, name.offset), text: "this property stands here twice" });
    }
    if (name) seen.add(name.value);
    found.push(...doubled(text, child));
  }
  return found;
}

/** Return the number of the line, from 1, in which an offset lies. */
export function lineAt(text, offset) {
  return text.slice(0, offset).split("\n").length;
}

/** Return the range of a path in a text; of the nearest part that is there. */
export function rangeOf(tree, path) {
  for (let length = path.length; length >= 0; length -= 1) {
    const node = tree && findNodeAtLocation(tree, path.slice(0, length));
    if (node) {
      const shown = node.parent?.type === "property" && node.type !== "string" && node.type !== "number"
        ? node.parent.children[0] : node;
      return { from: shown.offset, to: shown.offset + shown.length };
    }
  }
  return { from: 0, to: 0 };
}

/** Return where in a document an offset lies; see jsonc-parser. */
export const locationAt = (text, offset) => getLocation(text, offset);

/** Return a text laid out over several lines. */
export const formatted = (text) => applyEdits(text, format(text, undefined, FORMAT));

/** A text that is edited by path, told to who listens, and can be taken back. */
export class JsonText {
  constructor(text) {
    this.text = text;
    this.past = [];
    this.listeners = [];
    this.parsed = parse(text);
  }

  get value() {
    return this.parsed.value;
  }

  get isSound() {
    return this.parsed.problems.length === 0;
  }

  at(path) {
    return path.reduce((value, step) => (value === null || typeof value !== "object" ? undefined : value[step]), this.value);
  }

  /** Replace the whole text. */
  replace(text, { remember = true } = {}) {
    if (text === this.text) return;
    if (remember) this.past = [...this.past.slice(1 - HISTORY), this.text];
    this.text = text;
    this.parsed = parse(text);
    for (const listener of this.listeners) listener(text);
  }

  /** Put a value at a path; undefined removes it. */
  set(path, value) {
    if (path.length === 0) return this.replace(JSON.stringify(value, null, FORMAT.tabSize));
    const present = this.parsed.tree && findNodeAtLocation(this.parsed.tree, path);
    if (present && value !== undefined && (value === null || typeof value !== "object")) {
      return this.replace(this.text.slice(0, present.offset) + JSON.stringify(value) + this.text.slice(present.offset + present.length));
    }
    const text = this.value !== null && typeof this.value === "object" && this.text.trim() ? this.text : "{}";
    return this.replace(applyEdits(text, modify(text, path, value, { formattingOptions: FORMAT })));
  }

  /** Put a value into a list, before the item that stands there. */
  insert(path, value) {
    const text = this.text;
    this.replace(applyEdits(text, modify(text, path, value, { formattingOptions: FORMAT, isArrayInsertion: true })));
  }

  /** Put a copy of an item behind it, as it is written. */
  copy(path) {
    const node = findNodeAtLocation(this.parsed.tree, path);
    const [space] = /\s*$/.exec(this.text.slice(0, node.offset));
    const end = node.offset + node.length;
    this.replace(`${this.text.slice(0, end)},${space}${this.text.slice(node.offset, end)}${this.text.slice(end)}`);
  }

  /** Exchange two neighbours of a list, as they are written. */
  swap(list, first, second) {
    const [low, high] = [first, second].sort((a, b) => a - b)
      .map((index) => findNodeAtLocation(this.parsed.tree, [...list, index]));
    const part = (node) => this.text.slice(node.offset, node.offset + node.length);
    const between = this.text.slice(low.offset + low.length, high.offset);
    this.replace(this.text.slice(0, low.offset) + part(high) + between + part(low)
      + this.text.slice(high.offset + high.length));
  }

  /** Give a property another name. */
  rename(path, name) {
    const key = findNodeAtLocation(this.parsed.tree, path).parent.children[0];
    this.replace(this.text.slice(0, key.offset) + JSON.stringify(name) + this.text.slice(key.offset + key.length));
  }

  undo() {
    const text = this.past.pop();
    if (text !== undefined) this.replace(text, { remember: false });
  }
}
