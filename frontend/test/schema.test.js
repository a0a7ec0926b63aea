import assert from "node:assert/strict";
import { test } from "node:test";
import { Schema } from "../src/schema.js";
import { JsonText, parse } from "../src/text.js";

const NETWORK = {
  definitions: {
    named: { type: "object", required: ["name"], properties: { name: { type: "string", maxLength: 4, propertyOrder: 1 }, mtu: { type: "integer", minimum: 68 } } },
    wired: { title: "Wired", allOf: [{ properties: { type: { enum: ["wired"] } } }, { $ref: "#/definitions/named" }] },
    radio: { title: "Radio", allOf: [{ properties: { type: { enum: ["radio"] }, ssid: { type: "string" } } }, { $ref: "#/definitions/named" }], required: ["ssid"] },
  },
  type: "object",
  properties: { interfaces: { type: "array", uniqueItems: true, items: { oneOf: [{ $ref: "#/definitions/wired" }, { $ref: "#/definitions/radio" }] } } },
};
const schema = new Schema(NETWORK);
const item = NETWORK.properties.interfaces.items;
const problems = (value) => schema.problems(schema.root, value).map((each) => `${each.path.join("/")}: ${each.text}`);

test("the variant is chosen by what tells the kind, also when other things are wrong", () => {
  assert.equal(schema.effective(item, { type: "radio", mtu: 1 }).choices[0].index, 1);
  assert.equal(schema.effective(item, { type: "wired", ssid: "x" }).choices[0].index, 0);
});

test("variables suit every plain value", () => {
  assert.deepEqual(problems({ interfaces: [{ type: "wired", name: "{{ a_long_name }}", mtu: "{{ mtu }}" }] }), []);
  assert.deepEqual(problems({ interfaces: [{ type: "wired", name: "eth0", mtu: "many" }] }), ["interfaces/0/mtu: has to be a whole number"]);
});

test("mistakes are told of the variant that was meant", () => {
  assert.deepEqual(problems({ interfaces: [{ type: "radio", name: "toolong", mtu: 5 }] }), [
    "interfaces/0: “ssid” is missing", "interfaces/0/name: has at most 4 characters", "interfaces/0/mtu: is at least 68",
  ]);
});

test("a list that replaces those of templates is checked like the list", () => {
  assert.deepEqual(problems({ "interfaces!": 5 }), ["interfaces!: has to be a list"]);
});

test("a new item has what is required and what tells its kind", () => {
  assert.deepEqual(schema.initial(schema.withChoice(item, undefined, 0, 1)), { type: "radio", ssid: "", name: "" });
});

test("another kind keeps what suits both and what the schema does not know", () => {
  const value = { type: "wired", name: "eth0", mtu: 1400, own: [1] };
  assert.deepEqual(schema.converted(item, value, 0, 1), { name: "eth0", mtu: 1400, own: [1], type: "radio", ssid: "" });
});

test("edits change nothing but their place", () => {
  const text = new JsonText('{"b": 1.50,\n "a": [1, {"x": 12345678901234567890}, 3] }');
  text.set(["a", 0], "{{ v }}");
  assert.equal(text.text, '{"b": 1.50,\n "a": ["{{ v }}", {"x": 12345678901234567890}, 3] }');
  text.swap(["a"], 1, 2);
  assert.equal(text.text, '{"b": 1.50,\n "a": ["{{ v }}", 3, {"x": 12345678901234567890}] }');
  text.rename(["b"], "c");
  assert.ok(text.text.startsWith('{"c": 1.50,'));
  text.undo();
  text.undo();
  text.undo();
  assert.equal(text.text, '{"b": 1.50,\n "a": [1, {"x": 12345678901234567890}, 3] }');
});

test("a copy is written like the original", () => {
  const text = new JsonText('{"a": [\n  {"x": 12345678901234567890}\n]}');
  text.copy(["a", 0]);
  assert.equal(text.text, '{"a": [\n  {"x": 12345678901234567890},\n  {"x": 12345678901234567890}\n]}');
});

test("a property that stands there twice is told", () => {
  assert.deepEqual(parse('{"a": {"b": 1,\n"b": 2}}').problems.map((each) => each.line), [2]);
});

test("what is broken is told with its line", () => {
  assert.deepEqual(parse('{\n "a": 1,\n}').problems.map((each) => each.line), [3]);
  assert.equal(parse('{"a": 1 // no\n}').problems.length, 1);
  assert.deepEqual(parse("").value, {});
});
