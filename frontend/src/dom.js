// Small helpers for building pages. Texts are put in as text, never as markup.

/** Translate a text where the page has a catalogue. */
export const t = (text) => (typeof window.gettext === "function" ? window.gettext(text) : text);

/**
 * Build an element.
 * @param {string} tag name, perhaps with classes: `div.cfg-row`.
 * @param {object} attributes `on…` are listeners, true and false switch attributes.
 * @param {(Node|string|null|undefined|false)[]} children those that are there.
 */
export function h(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  element.classList.add(...classes);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "value" || key === "checked" || key === "open") element[key] = value;
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== undefined && value !== null) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child || child === 0));
  return element;
}

/** Return a button that does something; in a summary it does not open or close it. */
export function button(text, title, act, attributes = {}) {
  const { className = "", ...rest } = attributes;
  return h(`button${className}`, {
    type: "button", title, "aria-label": typeof text === "string" && !title.includes(text) ? `${text}: ${title}` : title, ...rest,
    onclick: (event) => {
      event.preventDefault();
      event.stopPropagation();
      act(event);
    },
  }, text);
}

/** Return a function that runs once nobody called it for a while. */
export function debounced(act, delay) {
  let timer;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => act(...args), delay);
  };
}

let counter = 0;

/** Return an id that nothing on the page has. */
export const freshId = () => `cfg-${(counter += 1)}`;

/** Let a text field grow with what is typed. */
export function fit(area, least = 2) {
  const lines = area.value.split("\n").length;
  area.rows = Math.min(24, Math.max(least, lines === 1 ? 1 : lines + 1));
}

const ICONS = {
  close: "M4 4l8 8M12 4l-8 8",
  up: "M8 13V3M3.5 7.5L8 3l4.5 4.5",
  down: "M8 3v10M3.5 8.5L8 13l4.5-4.5",
  copy: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
  back: "M3 3v4h4M3.5 7a5.2 5.2 0 1 1-.6 4",
  full: "M2.5 6v-3.5h3.5M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10",
};

/** Return a small picture that goes by a name. */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const picture = document.createElementNS(space, "svg");
  for (const [key, value] of Object.entries({ viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true", class: "cfg-icon" })) {
    picture.setAttribute(key, value);
  }
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", ICONS[name]);
  picture.append(path);
  return picture;
}
