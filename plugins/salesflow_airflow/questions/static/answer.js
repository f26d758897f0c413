// An answer: what it cost, its rows, and the file of them. Data become text, never markup.

import { byId, html, mark, say } from "../../static/elements.js";
import { Plot } from "./plot.js";

const NUMBERS = new Set(["tinyint", "smallint", "integer", "bigint", "float", "real", "double", "decimal"]);
const STATES = {
  QUEUED: ["waiting", "Queued"],
  RUNNING: ["waiting", "Running"],
  SUCCEEDED: ["well", "Succeeded"],
  FAILED: ["failing", "Failed"],
  CANCELLED: ["", "Cancelled"],
};
const UNITS = ["bytes", "KB", "MB", "GB", "TB"];

export const isNumber = (column) => NUMBERS.has(column.type);

const DIGITS = /^-?\d+(\.\d+)?$/;

/** The order of numbers that are too long for a float to tell them apart. */
function byDigits(a, b) {
  if (!DIGITS.test(a) || !DIGITS.test(b)) return 0;
  const [whole, other] = [a, b].map((text) => {
    const [before, after = ""] = text.split(".");
    return BigInt(before + after.padEnd(38, "0"));
  });
  return whole < other ? -1 : whole > other ? 1 : 0;
}

export function stateChip(state) {
  const [kind, word] = STATES[state] ?? ["", state];
  return html("span", { class: `chip ${kind}` }, word);
}

/** Bytes as people read them; a KB is 1,024 bytes, as Athena charges. */
export function bytes(count) {
  let [unit, value] = [0, count];
  while (value >= 1024 && unit < UNITS.length - 1) [unit, value] = [unit + 1, value / 1024];
  return `${value.toLocaleString("en", { maximumFractionDigits: unit ? 1 : 0 })} ${unit ? UNITS[unit] : count === 1 ? "byte" : "bytes"}`;
}

/** Dollars, given as decimal text: cents, and below a cent millionths. */
export function dollars(text) {
  const value = Number(text);
  if (value === 0) return "$0";
  return `$${value.toFixed(value >= 0.01 ? 2 : 6)}`;
}

export class Answer {
  constructor() {
    this.plot = new Plot();
    this.columns = [];
    this.rows = [];
    this.sorted = null;
  }

  /** What is known of a question while it runs, and when it has ended. */
  facts(question, seconds = question.seconds) {
    const part = byId("facts");
    part.hidden = false;
    part.replaceChildren(
      stateChip(question.state),
      html("span", {}, html("b", {}, bytes(question.scanned_bytes)), " scanned"),
      html("span", { title: "10 MB at least, at Athena's price for each TB scanned" }, html("b", {}, dollars(question.cost)), " cost"),
      html("span", {}, `${seconds.toFixed(1)} s`),
    );
  }

  /** A sentence in the place of the rows. */
  wait(sentence) {
    say(byId("waiting"), sentence);
    byId("waiting").hidden = false;
    byId("found").hidden = true;
  }

  show({ columns, rows, more }, csv) {
    Object.assign(this, { columns, rows, sorted: null });
    const count = rows.length.toLocaleString("en");
    say(byId("counted"), more ? `The first ${count} rows; the file has all of them.` : `${count} ${rows.length === 1 ? "row" : "rows"}`);
    mark(byId("csv"), "href", csv);
    byId("waiting").hidden = true;
    byId("found").hidden = false;
    this.head();
    this.body(rows);
    this.plot.show(columns, rows, more);
  }

  head() {
    const cells = this.columns.map((column, at) => {
      const button = html("button", { type: "button" }, html("span", {}, column.name), html("span", { class: "order", "aria-hidden": "true" }), html("small", {}, column.type));
      button.addEventListener("click", () => this.sort(at));
      return html("th", { scope: "col", class: isNumber(column) ? "number" : "" }, button);
    });
    byId("rows").tHead.replaceChildren(html("tr", {}, ...cells));
  }

  body(rows) {
    const classes = this.columns.map((column) => (isNumber(column) ? "number" : ""));
    byId("rows").tBodies[0].replaceChildren(...rows.map((row) => html("tr", {}, ...row.map((value, at) =>
      value === null ? html("td", { class: `${classes[at]} null` }, "NULL") : html("td", { class: classes[at] }, value)))));
  }

  /** By a column: upwards, downwards, and as the answer came. NULL comes last. */
  sort(at) {
    const [was, direction] = this.sorted ?? [null, 0];
    const next = was !== at ? 1 : direction === 1 ? -1 : 0;
    this.sorted = next ? [at, next] : null;
    const compare = isNumber(this.columns[at])
      ? (a, b) => Number(a) - Number(b) || byDigits(a, b)
      : (a, b) => (a < b ? -1 : a > b ? 1 : 0);
    const rows = next === 0 ? this.rows : [...this.rows].sort(({ [at]: a }, { [at]: b }) => {
      if (a === null || b === null) return (a === null) - (b === null);
      return next * compare(a, b);
    });
    [...byId("rows").tHead.rows[0].cells].forEach((cell, index) => {
      const order = index === at ? next : 0;
      mark(cell, "aria-sort", order ? (order > 0 ? "ascending" : "descending") : null);
      say(cell.querySelector(".order"), order ? (order > 0 ? "↑" : "↓") : "");
    });
    this.body(rows);
  }
}
