"use strict";

// Sends commands and shows what devices answer as it comes in. Everything is put in as text, never as markup.
(function () {
  const data = document.getElementById("send-command-data").dataset;
  const dialog = document.getElementById("send-command-dialog");
  const panel = document.getElementById("command_set-2-group");
  const rows = panel.querySelector("tbody");
  const statuses = { "in-progress": data.inProgress, success: data.success, failed: data.failedStatus };
  let schemas = null;
  let chosen = null;

  // the list of commands

  function cell(row, name, text) {
    const found = row.querySelector("." + name);
    const target = name === "output" ? found.querySelector("pre") : found;
    target.textContent = text;
  }

  function newRow(id) {
    const row = document.createElement("tr");
    row.id = "command-" + id;
    for (const name of ["status", "type", "input", "output", "created", "modified"]) {
      const column = document.createElement("td");
      column.className = name;
      if (name === "output") {
        column.append(document.createElement("pre"));
      }
      row.append(column);
    }
    rows.prepend(row);
    panel.hidden = false;
    return row;
  }

  function show(command) {
    const row = document.getElementById("command-" + command.id) || newRow(command.id);
    cell(row, "status", statuses[command.status] || command.status);
    for (const name of ["type", "input", "output"]) {
      cell(row, name, command[name]);
    }
    for (const name of ["created", "modified"]) {
      cell(row, name, new Date(command[name]).toLocaleString());
    }
    row.className = "command " + command.status;
    if (command.status !== "in-progress") {
      row.classList.add("flash");
    }
    return row;
  }

  // live updates; where the socket is not to be had, unfinished commands are asked for

  let connected = false;
  let pause = 1000;

  function listen() {
    const origin = (data.host || window.location.origin).replace(/^http/, "ws");
    const socket = new WebSocket(origin + data.socket);
    socket.onopen = function () {
      connected = true;
      pause = 1000;
      ask();
    };
    socket.onmessage = function (event) {
      const message = JSON.parse(event.data);
      if (message.model === "Command") {
        show(message.data);
      }
    };
    socket.onclose = function () {
      connected = false;
      setTimeout(listen, pause);
      pause = Math.min(60000, pause * 2);
    };
  }

  async function ask() {
    for (const row of rows.querySelectorAll(".command.in-progress")) {
      try {
        const answer = await fetch(data.commands + row.id.slice("command-".length) + "/", { credentials: "include" });
        if (answer.ok) {
          show(await answer.json());
        }
      } catch (error) {
        // the next round asks again
      }
    }
  }

  setInterval(function () {
    if (!connected) {
      ask();
    }
  }, 2000);
  listen();

  // the dialog

  function rules(schema, name) {
    const own = schema.properties[name];
    const reference = own.$ref && own.$ref.split("/").pop();
    return reference ? Object.assign({}, schema.definitions[reference], own) : own;
  }

  function field(schema, name) {
    const rule = rules(schema, name);
    const label = document.createElement("label");
    label.textContent = rule.title || name;
    const input = document.createElement("input");
    input.name = name;
    input.type = rule.format === "password" ? "password" : rule.type === "integer" || rule.type === "number" ? "number" : "text";
    input.autocomplete = "off";
    label.append(input);
    return label;
  }

  function open(name) {
    chosen = name;
    const { label, schema } = schemas[name];
    const properties = (schema && schema.properties) || {};
    const names = Object.keys(properties);
    const question = dialog.querySelector(".question");
    const confirmation = (schema && schema.confirmation_message) || (names.length ? "" : label + "?");
    dialog.querySelector("h2").textContent = label;
    question.textContent = confirmation;
    question.hidden = !confirmation;
    dialog.querySelector(".errors").textContent = "";
    dialog.querySelector(".inputs").replaceChildren(...names.map((each) => field(schema, each)));
    dialog.querySelector(".execute").textContent = names.length ? data.execute : data.yes;
    dialog.querySelector(".cancel").hidden = names.length > 0;
    dialog.showModal();
  }

  function values() {
    const schema = schemas[chosen].schema;
    const inputs = [...dialog.querySelectorAll(".inputs input")];
    if (!inputs.length) {
      return null;
    }
    const result = {};
    for (const input of inputs) {
      const required = (schema.required || []).includes(input.name);
      if (input.value !== "" || required) {
        result[input.name] = input.type === "number" && input.value !== "" ? Number(input.value) : input.value;
      }
    }
    return result;
  }

  function explain(errors) {
    const schema = schemas[chosen].schema || {};
    const lines = Object.entries(errors).map(([name, found]) => (name === "input" ? "" : name + ": ") + [].concat(found).join(" "));
    return ["Please correct the errors below.", schema.message || "", ...lines].filter(Boolean).join("\n");
  }

  async function execute() {
    const button = dialog.querySelector(".execute");
    button.disabled = true;
    try {
      const answer = await fetch(data.commands, {
        method: "POST",
        credentials: "include",
        headers: { "Content-Type": "application/json", "X-CSRFToken": document.querySelector("[name=csrfmiddlewaretoken]").value },
        body: JSON.stringify({ type: chosen, input: values() }),
      });
      const result = await answer.json();
      if (answer.ok) {
        dialog.close();
        if (!document.getElementById("command-" + result.id)) {
          show(result);
        }
        window.location.hash = panel.id;
        ask();
      } else {
        dialog.querySelector(".errors").textContent = result.detail || explain(result);
      }
    } catch (error) {
      dialog.querySelector(".errors").textContent = data.failed;
    } finally {
      button.disabled = false;
    }
  }

  for (const item of document.querySelectorAll(".send-command-menu button")) {
    item.addEventListener("click", async function () {
      item.closest("details").open = false;
      if (schemas === null) {
        schemas = await (await fetch(data.schema)).json();
      }
      open(item.dataset.command);
    });
  }
  dialog.querySelector(".execute").addEventListener("click", execute);
  for (const name of [".close", ".cancel"]) {
    dialog.querySelector(name).addEventListener("click", () => dialog.close());
  }
  dialog.addEventListener("click", function (event) {
    if (event.target === dialog) {
      dialog.close();
    }
  });
  dialog.addEventListener("keydown", function (event) {
    if (event.key === "Enter" && event.target.tagName === "INPUT") {
      event.preventDefault();
      execute();
    }
  });
})();
