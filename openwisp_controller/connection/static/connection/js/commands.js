"use strict";

// Sends commands and shows what devices answer as it comes in. Everything is put in as text, never as markup.
(function () {
  const data = document.getElementById("send-command-data").dataset;
  const dialog = document.getElementById("send-command-dialog");
  const panel = document.getElementById("command_set-2-group");
  const rows = panel.querySelector("tbody");
  const statuses = { "in-progress": data.inProgress, success: data.success, failed: data.failedStatus };
  const texts = JSON.parse(document.getElementById("command-texts").textContent);
  let schemas = null;
  let chosen = null;
  let fields = null;

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

  /** Write a moment as the server does, in its time zone. */
  function moment(text) {
    const local = new Date(new Date(text).getTime() + 1000 * Number(document.body.dataset.adminUtcOffset || 0));
    return local.toISOString().slice(0, 16).replace("T", " ");
  }

  function show(command) {
    const row = document.getElementById("command-" + command.id) || newRow(command.id);
    cell(row, "status", statuses[command.status] || command.status);
    for (const name of ["type", "input", "output"]) {
      cell(row, name, command[name]);
    }
    for (const name of ["created", "modified"]) {
      cell(row, name, moment(command[name]));
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

  function open(name) {
    chosen = name;
    const { label, schema } = schemas[name];
    fields = new window.controllerCommandFields.Fields(dialog.querySelector(".inputs"), schema, texts);
    const hasFields = fields.parts.length > 0;
    const question = dialog.querySelector(".question");
    const confirmation = (schema && schema.confirmation_message) || (hasFields ? "" : label + "?");
    dialog.querySelector("h2").textContent = label;
    question.textContent = confirmation;
    question.hidden = !confirmation;
    dialog.querySelector(".errors").textContent = "";
    dialog.querySelector(".execute").textContent = hasFields ? data.execute : data.yes;
    dialog.querySelector(".cancel").hidden = hasFields;
    dialog.showModal();
  }

  function explain(errors) {
    const lines = Object.entries(errors).map(([name, found]) => (name === "input" ? "" : name + ": ") + [].concat(found).join(" "));
    return [texts.correct, ...lines].join("\n");
  }

  async function execute() {
    const button = dialog.querySelector(".execute");
    dialog.querySelector(".errors").textContent = "";
    if (!fields.check()) {
      dialog.querySelector(".errors").textContent = texts.correct;
      return;
    }
    button.disabled = true;
    try {
      const answer = await fetch(data.commands, {
        method: "POST",
        credentials: "include",
        headers: { "Content-Type": "application/json", "X-CSRFToken": document.querySelector("[name=csrfmiddlewaretoken]").value },
        body: JSON.stringify({ type: chosen, input: fields.values() }),
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
