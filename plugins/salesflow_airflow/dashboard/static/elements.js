// Building and updating the page. Data become text, never markup.

const SVG = "http://www.w3.org/2000/svg";

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** An HTML element; children are nodes or texts. */
export const html = (tag, attributes = {}, ...children) =>
  filled(document.createElement(tag), attributes, children);

/** The same of SVG. */
export const svg = (tag, attributes = {}, ...children) =>
  filled(document.createElementNS(SVG, tag), attributes, children);

export const byId = (id) => document.getElementById(id);

/** Have the navigation lead to pages of the same stage. */
export function keepStage() {
  for (const link of document.querySelectorAll(".top nav a")) link.search = location.search;
}

/** Write a text only if it is news: nothing is laid out, or read out, again for nothing. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Likewise an attribute; null takes it away. */
export function mark(element, name, value) {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

/**
 * Make the children of a parent those of the items, in their order. What stays is updated in place,
 * so that focus and selection survive. Items of the same key are told apart by their order.
 */
export function keep(parent, items, keyOf, create, update) {
  const known = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const times = new Map();
  let place = parent.firstElementChild;
  for (const item of items) {
    const own = String(keyOf(item));
    const before = times.get(own) ?? 0;
    times.set(own, before + 1);
    const key = `${before} ${own}`;
    let child = known.get(key);
    known.delete(key);
    if (!child) {
      child = create(item);
      child.dataset.key = key;
    }
    update(child, item);
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
  }
  for (const gone of known.values()) gone.remove();
}

/**
 * A row of cells, the first of them its heading; `classes` says what each is. With their roles, as
 * a table that is laid out otherwise on a phone loses them.
 */
export function row(classes) {
  const cells = classes.map((name, at) => (at === 0
    ? html("th", { scope: "row", role: "rowheader", class: name })
    : html("td", { role: "cell", class: name })));
  return html("tr", { role: "row" }, ...cells);
}

const SHAPES = {
  well: ["M12 2a10 10 0 1 1 0 20a10 10 0 0 1 0-20z", "M7.2 12.4l3.3 3.3l6.3-7"],
  waiting: ["M12 1.2l10.8 10.8l-10.8 10.8l-10.8-10.8z", "M12 7.2v5.2l3 2.4"],
  failing: ["M12 2.2l10.6 19h-21.2z", "M12 9v6M12 18v.3"],
  unknown: ["M4 4h16v16h-16z", "M9.3 9.6a2.8 2.8 0 1 1 3.9 2.6c-.8.4-1.2.9-1.2 1.9M12 17v.3"],
};

/** The sign of a state. Its shape alone tells which, without its colour. */
export function sign(state) {
  const [shape, stroke] = SHAPES[state] ?? SHAPES.unknown;
  return svg("svg", { class: `sign ${state}`, viewBox: "0 0 24 24", "aria-hidden": "true" },
    svg("path", { class: "shape", d: shape }), svg("path", { class: "stroke", d: stroke }));
}

/** Show a state's sign in a place, made anew only if it has changed. */
export function showSign(place, state) {
  if (place.dataset.state === state) return;
  place.dataset.state = state;
  place.replaceChildren(sign(state));
}
