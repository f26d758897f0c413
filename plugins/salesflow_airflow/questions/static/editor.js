// The place where a question is written: a textarea with line numbers and the names that fit.
// Tab leaves it, as everywhere on the web.

import { byId, html, mark } from "../../static/elements.js";

const SHOWN = 8;
const WORD = /[A-Za-z_$][\w$]*$/;
const KEYWORDS = ("SELECT FROM WHERE GROUP BY ORDER HAVING LIMIT JOIN LEFT ON AS WITH DISTINCT COUNT SUM AVG MIN MAX " +
  "BETWEEN INTERVAL CURRENT_DATE DATE_TRUNC CASE WHEN THEN ELSE END UNION DESC DESCRIBE EXPLAIN SHOW TABLES").split(" ");

export class Editor {
  /** `run` is called when the keyboard says so. */
  constructor(run) {
    this.area = byId("sql");
    this.gutter = byId("gutter");
    this.list = byId("completions");
    this.names = KEYWORDS.map((name) => ({ name, kind: "" }));
    this.chosen = -1;
    this.bad = null;
    this.area.addEventListener("input", () => {
      this.bad = null;
      this.number();
      this.offer(2);
    });
    this.area.addEventListener("scroll", () => {
      this.gutter.scrollTop = this.area.scrollTop;
      this.close();
    });
    this.area.addEventListener("blur", () => this.close());
    this.area.addEventListener("click", () => this.close());
    this.area.addEventListener("keydown", (event) => this.press(event, run));
    this.list.addEventListener("mousedown", (event) => {
      event.preventDefault();
      const item = event.target.closest("li");
      if (item) this.complete(Number(item.dataset.at));
    });
    new ResizeObserver(() => this.number()).observe(this.area);
    this.number();
  }

  get text() {
    return this.area.value;
  }

  /** Tables and columns that can be completed: `{name, kind}`. */
  know(names) {
    this.names = [...names, ...KEYWORDS.map((name) => ({ name, kind: "" }))];
  }

  /** Another question in the place of this one; what was there comes back by undo. */
  replace(text) {
    this.area.focus();
    this.area.select();
    this.type(text);
    this.area.setSelectionRange(0, 0);
    this.area.scrollTop = 0;
  }

  /** A name at the caret, apart from a word before it. */
  insert(name) {
    const { selectionStart: at, value } = this.area;
    const spelled = /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
    this.area.focus();
    this.type(/[\w"]$/.test(value.slice(0, at)) ? ` ${spelled}` : spelled);
  }

  /** Show where a fault is, and select what stands there. */
  show(line, column) {
    const lines = this.text.split("\n");
    const text = lines[line - 1] ?? "";
    const start = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0) + Math.min(column - 1, text.length);
    const word = /^[\w$]+|^\S/.exec(this.text.slice(start));
    this.bad = line;
    this.number();
    this.area.focus();
    this.area.setSelectionRange(start, start + (word ? word[0].length : 0));
    const row = this.row();
    this.area.scrollTop = Math.max(0, (line - 3) * row);
  }

  row() {
    return parseFloat(getComputedStyle(this.area).lineHeight);
  }

  /** Put text in the place of the selection, so that it can be undone. */
  type(text) {
    // The only way that keeps the browser's undo; what doesn't know it gets the text all the same.
    if (!text || !document.execCommand("insertText", false, text)) {
      this.area.setRangeText(text, this.area.selectionStart, this.area.selectionEnd, "end");
      this.area.dispatchEvent(new Event("input"));
    }
    this.close();
  }

  number() {
    const count = this.text.split("\n").length;
    this.gutter.style.height = `${this.area.offsetHeight}px`;
    this.gutter.replaceChildren(...Array.from({ length: count }, (_, at) =>
      html(at + 1 === this.bad ? "b" : "span", {}, `${at + 1}\n`)));
    this.gutter.scrollTop = this.area.scrollTop;
  }

  press(event, run) {
    if (event.isComposing) return;
    const ctrl = event.ctrlKey || event.metaKey;
    if (event.key === "Enter" && ctrl) {
      event.preventDefault();
      this.close();
      run();
    } else if (event.key === " " && event.ctrlKey) {
      event.preventDefault();
      this.offer(0);
    } else if (!this.list.hidden) this.choose(event);
  }

  choose(event) {
    const last = this.list.children.length - 1;
    if (event.key === "ArrowDown") this.select(this.chosen >= last ? 0 : this.chosen + 1);
    else if (event.key === "ArrowUp") this.select(this.chosen <= 0 ? last : this.chosen - 1);
    else if (event.key === "Enter" && this.chosen >= 0) this.complete(this.chosen);
    else if (event.key === "Escape") this.close();
    else return;
    event.preventDefault();
  }

  /** Offer the names that begin as the word before the caret does, if it has so many letters. */
  offer(letters) {
    const { selectionStart: at, selectionEnd, value } = this.area;
    const typed = WORD.exec(value.slice(0, at))?.[0] ?? "";
    const fits = this.names.filter(({ name }) =>
      name.toLowerCase().startsWith(typed.toLowerCase()) && name.toLowerCase() !== typed.toLowerCase());
    if (typed.length < letters || at !== selectionEnd || !fits.length) {
      this.close();
      return;
    }
    this.offered = fits.slice(0, SHOWN);
    this.typed = typed.length;
    this.list.replaceChildren(...this.offered.map(({ name, kind }, index) =>
      html("li", { role: "option", id: `completion-${index}`, "data-at": index, "aria-selected": "false" },
        html("span", {}, name), html("span", {}, kind))));
    this.list.hidden = false;
    this.place(value.slice(0, at - typed.length));
    this.select(letters ? -1 : 0);
  }

  /** Below the word that is completed; above it where there is no room. */
  place(before) {
    const style = getComputedStyle(this.area);
    const pen = document.createElement("canvas").getContext("2d");
    pen.font = `${style.fontSize} ${style.fontFamily}`;
    const lines = before.split("\n");
    const left = this.area.offsetLeft + parseFloat(style.paddingLeft) + pen.measureText(lines.at(-1).replaceAll("\t", "    ")).width - this.area.scrollLeft;
    const top = parseFloat(style.paddingTop) + lines.length * this.row() - this.area.scrollTop;
    const room = this.list.parentElement.clientWidth - this.list.offsetWidth;
    this.list.style.left = `${Math.max(0, Math.min(left, room))}px`;
    this.list.style.top = `${top}px`;
  }

  select(index) {
    this.chosen = index;
    [...this.list.children].forEach((item, at) => mark(item, "aria-selected", String(at === index)));
    mark(this.area, "aria-activedescendant", index < 0 ? null : `completion-${index}`);
    this.list.children[index]?.scrollIntoView({ block: "nearest" });
  }

  complete(index) {
    const { name } = this.offered[index];
    const at = this.area.selectionStart;
    this.area.setSelectionRange(at - this.typed, at);
    this.type(name);
  }

  close() {
    this.list.hidden = true;
    this.chosen = -1;
    mark(this.area, "aria-activedescendant", null);
  }
}
