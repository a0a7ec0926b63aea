"use strict";

// Shows a field for each parameter of the chosen connector instead of one text of JSON.
(async function () {
  const connector = document.getElementById("id_connector");
  const params = document.getElementById("id_params");
  const source = document.getElementById("credentials-schema");
  if (!connector || !params || !source) {
    return;
  }
  const schemas = await (await fetch(source.dataset.url)).json();
  const box = document.createElement("div");
  box.id = "credentials-fields";
  params.after(box);
  params.hidden = true;

  function current() {
    try {
      return JSON.parse(params.value) || {};
    } catch (error) {
      return {};
    }
  }

  function store() {
    const result = {};
    for (const input of box.querySelectorAll("[data-name]")) {
      if (input.value !== "") {
        result[input.dataset.name] = input.dataset.kind === "integer" ? Number(input.value) : input.value;
      }
    }
    params.value = JSON.stringify(result);
  }

  function add(name, rule, value, required) {
    const label = document.createElement("label");
    label.textContent = rule.title || name;
    const input = document.createElement(rule.format === "textarea" ? "textarea" : "input");
    if (rule.format !== "textarea") {
      input.type = name === "password" ? "password" : rule.type === "integer" ? "number" : "text";
      input.autocomplete = "off";
    }
    input.required = required;
    for (const [attribute, limit] of [["minLength", rule.minLength], ["min", rule.minimum], ["max", rule.maximum]]) {
      if (limit !== undefined) {
        input[attribute] = limit;
      }
    }
    input.dataset.name = name;
    input.dataset.kind = rule.type;
    input.value = value === undefined ? (rule.default === undefined ? "" : rule.default) : value;
    input.addEventListener("input", store);
    input.id = "credentials-" + name;
    label.htmlFor = input.id;
    label.className = required ? "required" : "";
    const row = document.createElement("div");
    row.append(label, input);
    box.append(row);
  }

  function draw(index) {
    const schema = schemas[connector.value];
    box.replaceChildren();
    if (!schema) {
      return;
    }
    const values = current();
    const shapes = schema.oneOf || [schema];
    if (index === undefined) {
      index = Math.max(0, shapes.findIndex((shape) => Object.keys(values).length && Object.keys(values).every((name) => name in shape.properties)));
    }
    if (shapes.length > 1) {
      const choice = document.createElement("select");
      choice.id = "credentials-shape";
      shapes.forEach((shape, number) => choice.add(new Option(shape.title, number, number === index, number === index)));
      choice.addEventListener("change", () => draw(Number(choice.value)));
      box.append(choice);
    }
    const required = shapes[index].required || [];
    for (const [name, rule] of Object.entries(shapes[index].properties)) {
      add(name, rule, values[name], required.includes(name));
    }
    store();
  }

  params.form.addEventListener("submit", function (event) {
    const wrong = box.querySelector(":invalid");
    if (wrong) {
      event.preventDefault();
      wrong.reportValidity();
    }
  });
  connector.addEventListener("change", () => draw());
  draw();
})();
