// Charts over a row of hours or days: bars, lines and ranges in SVG, read off by pointer or arrow
// keys. Values are floats here, as they only become pixels; what is read off is text from the data.

import { html, mark, say, svg } from "./elements.js";

const HEIGHT = 240;
const TOP = 10;
const BOTTOM = 24;
const LEFT = 52;
const RIGHT = 8;

/** Round steps of an axis from 0 up to a maximum, four or so. */
export function ticks(maximum) {
  if (!(maximum > 0)) return [0, 1];
  const rough = maximum / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((each) => each * power).find((each) => each >= rough);
  return Array.from({ length: Math.ceil(maximum / step - 1e-9) + 1 }, (_, at) => at * step);
}

const path = (points) => points
  .map((point, at) => (point ? `${at && points[at - 1] ? "L" : "M"}${point[0].toFixed(1)} ${point[1].toFixed(1)}` : ""))
  .join("");

/**
 * A chart in an element. `draw` takes a model:
 *   label: what it shows; slots: how many hours or days; names: [{at, text}] of the horizontal axis;
 *   tick: value → text; bars: values or null; running: the slot that isn't over; lines: [{kind,
 *   values}]; ranges: [{kind, low, high}]; border: the slot after which the future begins;
 *   read: slot → {title, items: [{kind, name, text}]}.
 */
export class Chart {
  #host;
  #model = null;
  #drawn = "";
  #slot = null;
  #plot = html("div", { class: "plot" });
  #tip = html("div", { class: "tip", hidden: true });
  #line = null;

  constructor(host) {
    this.#host = host;
    host.append(this.#plot, this.#tip);
    mark(host, "tabindex", "0");
    mark(host, "role", "slider");
    mark(host, "aria-valuemin", "0");
    host.addEventListener("pointermove", (event) => this.#follow(event));
    host.addEventListener("pointerdown", (event) => this.#follow(event));
    host.addEventListener("pointerleave", () => this.#read(null));
    host.addEventListener("focus", () => {
      if (host.matches(":focus-visible")) this.#read(this.#slot ?? this.#model?.running ?? this.#model?.border ?? 0);
    });
    host.addEventListener("blur", () => this.#read(null));
    host.addEventListener("keydown", (event) => this.#step(event));
    new ResizeObserver(() => this.#render()).observe(host);
  }

  draw(model) {
    this.#model = model;
    mark(this.#host, "aria-label", model.label);
    mark(this.#host, "aria-valuemax", model.slots - 1);
    this.#speak(this.#slot ?? model.running ?? model.border ?? 0);
    this.#render();
    if (this.#slot !== null) this.#read(this.#slot);
  }

  #render() {
    const model = this.#model;
    const width = Math.round(this.#host.clientWidth);
    if (!model || width < 80) return;
    const { label, slots, bars, running, lines, ranges, names, border } = model;
    const signature = JSON.stringify([width, label, slots, bars, running, lines, ranges, names, border]);
    if (signature === this.#drawn) return;
    this.#drawn = signature;
    const highest = Math.max(0, ...(bars ?? []), ...lines.flatMap((line) => line.values),
      ...(ranges ?? []).flatMap((range) => range.high));
    const scale = ticks(highest);
    const across = (slot) => LEFT + ((slot + 0.5) / slots) * (width - LEFT - RIGHT);
    const up = (value) => TOP + (1 - value / scale.at(-1)) * (HEIGHT - TOP - BOTTOM);
    const points = (values) => values.map((value, at) => (value === null ? null : [across(at), up(value)]));

    const drawing = svg("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, "aria-hidden": "true" });
    for (const value of highest > 0 ? scale : [0]) {
      drawing.append(
        svg("line", { class: value ? "grid" : "base", x1: LEFT, x2: width - RIGHT, y1: up(value), y2: up(value) }),
        svg("text", { class: "tick", x: LEFT - 8, y: up(value) + 4, "text-anchor": "end" }, model.tick(value)));
    }
    for (const { kind, low, high } of ranges ?? []) {
      const lower = points(low).filter(Boolean).reverse();
      const upper = points(high).filter(Boolean);
      if (upper.length) drawing.append(svg("path", { class: `range ${kind}`, d: `${path([...upper, ...lower])}Z` }));
    }
    if (bars) {
      const wide = Math.max(2, ((width - LEFT - RIGHT) / slots) * 0.62);
      bars.forEach((value, at) => {
        if (value === null) return;
        drawing.append(svg("rect", {
          class: at === running ? "bar running" : "bar", rx: Math.min(3, wide / 4),
          x: across(at) - wide / 2, width: wide, y: up(value), height: Math.max(0, up(0) - up(value)),
        }));
      });
    }
    for (const { kind, values } of lines) drawing.append(svg("path", { class: `line ${kind}`, d: path(points(values)) }));
    if (border !== undefined) {
      const x = (across(border - 1) + across(border)) / 2;
      drawing.append(svg("line", { class: "border", x1: x, x2: x, y1: TOP, y2: HEIGHT - BOTTOM }));
    }
    const gap = 48;
    let last = -gap;
    for (const { at, text } of names) {
      const x = across(at);
      if (x - last < gap || x > width - 18) continue;
      last = x;
      drawing.append(svg("text", { class: "tick", x, y: HEIGHT - 6, "text-anchor": "middle" }, text));
    }
    this.#line = svg("line", { class: "reading", y1: TOP, y2: HEIGHT - BOTTOM, visibility: "hidden" });
    drawing.append(this.#line);
    this.#plot.replaceChildren(drawing);
    if (this.#slot !== null) this.#read(this.#slot);
  }

  #follow(event) {
    if (!this.#model) return;
    const box = this.#host.getBoundingClientRect();
    const share = (event.clientX - box.left - LEFT) / (box.width - LEFT - RIGHT);
    this.#read(Math.max(0, Math.min(this.#model.slots - 1, Math.floor(share * this.#model.slots))));
  }

  #step(event) {
    if (!this.#model) return;
    const last = this.#model.slots - 1;
    const from = this.#slot ?? this.#model.running ?? this.#model.border ?? 0;
    const to = { ArrowRight: from + 1, ArrowUp: from + 1, ArrowLeft: from - 1, ArrowDown: from - 1, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.#read(Math.max(0, Math.min(last, to)));
  }

  #speak(slot) {
    const { title, items } = this.#model.read(slot);
    mark(this.#host, "aria-valuenow", slot);
    mark(this.#host, "aria-valuetext", `${title}: ${items.map((item) => `${item.name} ${item.text}`).join(", ")}`);
  }

  #read(slot) {
    this.#slot = slot;
    this.#tip.hidden = slot === null || !this.#model;
    if (this.#line) mark(this.#line, "visibility", slot === null ? "hidden" : "visible");
    if (slot === null || !this.#model) return;
    this.#speak(slot);
    const { title, items } = this.#model.read(slot);
    this.#tip.replaceChildren(html("b", {}, title), ...items.map(({ kind, name, text }) =>
      html("span", {}, html("i", { class: `key ${kind}` }), html("span", {}, name), html("span", { class: "number" }, text))));
    const width = this.#host.clientWidth;
    const x = LEFT + ((slot + 0.5) / this.#model.slots) * (width - LEFT - RIGHT);
    if (this.#line) {
      mark(this.#line, "x1", x);
      mark(this.#line, "x2", x);
    }
    const room = this.#tip.offsetWidth;
    const left = x + 12 + room > width ? x - 12 - room : x + 12;
    this.#tip.style.left = `${Math.max(0, Math.min(left, width - room))}px`;
  }
}

/** A row of small bars without axes; the last one is still growing. */
export function spark(host, values, label) {
  const signature = JSON.stringify([values, label]);
  if (host.dataset.drawn === signature) return;
  host.dataset.drawn = signature;
  const highest = Math.max(1e-9, ...values);
  host.replaceChildren(svg("svg", { viewBox: `0 0 ${values.length * 4} 40`, preserveAspectRatio: "none", role: "img", "aria-label": label },
    ...values.map((value, at) => {
      const high = value ? Math.max(1.5, (value / highest) * 40) : 0.75;
      return svg("rect", { class: at === values.length - 1 ? "running" : value ? "" : "none", x: at * 4 + 0.5, width: 3, y: 40 - high, height: high });
    })));
}
