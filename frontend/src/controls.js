// Controls for single values: texts, numbers, switches, choices, and variables that stand for any of them.
import { button, fit, freshId, h, icon, t } from "./dom.js";
import { hasVariable, kindOf, same } from "./schema.js";

const WHOLE = /^-?\d+$/;
const NUMBER = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/;
const VARIABLE = "{{  }}";

/**
 * Return a control for a value.
 * @param {object} rule resolved schema of the value.
 * @param {any} value
 * @param {{id: string, change: (value: any) => void, again: () => void, offerVariables: (input: Element) => void}} use
 *   `change` stores a value, `again` draws the control anew.
 */
export function control(rule, value, use) {
  const type = [rule.type].flat()[0] ?? (rule.enum ? "enum" : undefined);
  if (value !== undefined && !isShownAs(rule, type, value)) return raw(value, use);
  if (hasVariable(value) && (rule.enum || (type && type !== "string"))) return variable(rule, value, use);
  if (rule.enum) return choice(rule, value, use);
  if (type === "boolean") return checkbox(rule, value, use);
  if (type === "integer" || type === "number") return number(rule, type, value, use);
  return text(rule, value ?? "", use);
}

function isShownAs(rule, type, value) {
  const kind = kindOf(value);
  if (kind === "string") return true;
  if (rule.enum) return rule.enum.some((each) => same(each, value));
  if (type === "boolean") return kind === "boolean";
  return (type === "integer" || type === "number") && (kind === "integer" || kind === "number");
}

function attributes(use) {
  return { id: use.id, autocomplete: "off", spellcheck: "false" };
}

function text(rule, value, use) {
  if (rule.format === "password") return password(value, use);
  const isLong = rule.format === "textarea" || value.includes("\n");
  const input = h(isLong ? "textarea" : "input", {
    ...attributes(use), value, type: isLong ? undefined : "text",
    placeholder: typeof rule.default === "string" ? rule.default : undefined,
    oninput: () => {
      use.change(input.value);
      if (isLong) fit(input);
      use.offerVariables(input);
    },
  });
  if (isLong) {
    input.classList.add("cfg-mono");
    fit(input);
  }
  return input;
}

function password(value, use) {
  const input = h("input", { ...attributes(use), autocomplete: "new-password", type: "password", value, oninput: () => use.change(input.value) });
  const reveal = button(t("Show"), t("Show"), () => {
    input.type = input.type === "password" ? "text" : "password";
    reveal.textContent = input.type === "password" ? t("Show") : t("Hide");
  }, { className: ".button" });
  return h("div.cfg-inline", {}, input, reveal);
}

function number(rule, type, value, use) {
  const input = h("input", {
    ...attributes(use), type: "text", inputmode: "numeric", value: value ?? "",
    placeholder: rule.default !== undefined ? String(rule.default) : undefined,
    oninput: () => {
      const typed = input.value.trim();
      use.change((type === "integer" ? WHOLE : NUMBER).test(typed) ? Number(typed) : typed);
      use.offerVariables(input);
    },
  });
  input.classList.add("cfg-short");
  return input;
}

function checkbox(rule, value, use) {
  if (typeof value === "string") return variable(rule, value, use);
  const input = h("input", { id: use.id, type: "checkbox", checked: value ?? rule.default ?? false, onchange: () => use.change(input.checked) });
  return h("div.cfg-inline", {}, input, byVariable(use));
}

function byVariable(use) {
  return button("{{ }}", t("Use a variable instead"), () => {
    use.change(VARIABLE);
    use.again();
  }, { className: ".cfg-tool.cfg-var" });
}

function choice(rule, value, use) {
  const titles = rule.options?.enum_titles ?? [];
  const select = h("select", {
    id: use.id,
    onchange: () => {
      if (select.value === "variable") {
        use.change(VARIABLE);
        use.again();
      } else use.change(rule.enum[Number(select.value)]);
    },
  });
  let found = false;
  rule.enum.forEach((each, index) => {
    const chosen = same(each, value);
    found ||= chosen;
    select.append(h("option", { value: index, selected: chosen }, titles[index] ?? (each === "" ? "—" : String(each))));
  });
  if (value === undefined) select.prepend(h("option", { value: "unset", selected: true, disabled: true }, "—"));
  if (!found && value !== undefined) select.prepend(h("option", { value: "unknown", selected: true, disabled: true }, String(value)));
  select.append(h("option", { value: "variable" }, t("A variable …")));
  return select;
}

function variable(rule, value, use) {
  const input = h("input.cfg-variable", {
    ...attributes(use), type: "text", value,
    oninput: () => {
      use.change(input.value);
      use.offerVariables(input);
    },
  });
  const back = button(icon("back"), t("Choose a value instead of a variable"), () => {
    use.change(rule.default ?? rule.enum?.[0] ?? { boolean: false }[rule.type] ?? rule.minimum ?? 0);
    use.again();
  }, { className: ".cfg-tool" });
  return h("div.cfg-inline", {}, input, back);
}

/** What the schema says nothing about, or something else: as JSON. */
export function raw(value, use) {
  const wrong = h("p.cfg-error", { id: freshId(), role: "alert" });
  const input = h("textarea.cfg-mono", {
    ...attributes(use), "aria-describedby": wrong.id, value: JSON.stringify(value, null, 4) ?? "",
    oninput: () => {
      fit(input, 1);
      try {
        use.change(JSON.parse(input.value));
        wrong.textContent = "";
      } catch {
        wrong.textContent = t("This is no JSON; what stood here before is kept.");
      }
    },
  });
  fit(input, 1);
  return h("div", {}, input, wrong);
}
