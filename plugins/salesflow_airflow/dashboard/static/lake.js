// What the lake says: exact, as of the last merge or of the newest report.

import { airflowLink } from "./airflow.js";
import { Chart } from "./chart.js";
import { byId, html, keep, mark, row, say } from "./elements.js";
import { count, dayInWeek, fitMoney, moment, money, roundMoney, shortDay, size, tickMoney } from "./figures.js";

let chart = null;

export function showLake(data, now) {
  showCustomers(data.customers);
  showInventory(data.inventory, now);
  showProjection(data.projection);
}

/** Today by the lake, and beside it what the live figures say. */
export function showExact(data, live, now) {
  const counted = live?.so_far.today ?? null;
  const lines = [
    ["lake", "In the lake, exact", data.today],
    ["live", "Counted live", counted],
  ].filter(([, , figures]) => figures !== null);
  byId("exact").hidden = data.today === null;
  keep(byId("exact").tBodies[0], data.today === null ? [] : lines, ([key]) => key,
    () => row(["", "number", "number", "number"]),
    (line, [, name, figures]) => [name, count(figures.orders), count(figures.units), fitMoney(figures.revenue)]
      .forEach((text, at) => say(line.children[at], text)));
  const merged = data.merged_at === null ? "Nothing has been merged into the lake yet: the DAG ingest_orders does." :
    `Merged at ${moment(data.merged_at, now)}` +
    (data.complete_until === null ? "." : `; complete until ${moment(data.complete_until, now)}. Later orders are in the live figures only.`);
  const report = data.last_report === null ? " No day has been reported yet." :
    ` The newest report is that of ${shortDay(data.last_report.day)}, written at ${moment(data.last_report.written_at, now)}.`;
  say(byId("exact-note"), merged + report);
  showPage(data.last_report);
}

function showPage(report) {
  const link = byId("exact-page");
  link.hidden = report === null;
  say(byId("exact-place"), report?.page_uri ?? "");
  if (report === null) return;
  say(link, `The page of ${shortDay(report.day)}`);
  airflowLink(link, new URL(`days/${report.day}${location.search}`, location.href));
}

function empty(id, isEmpty) {
  byId(id).hidden = isEmpty;
  byId(id).parentElement.querySelector(".empty").hidden = !isEmpty;
}

function showCustomers(customers) {
  empty("customers", customers === null);
  if (customers === null) return;
  const { new: fresh, returning, top } = customers;
  say(byId("customers-split"), fresh === null || returning === null ? "" : `${count(fresh)} new, ${count(returning)} returning`);
  byId("customers-meter").hidden = !(fresh + returning);
  byId("customers-meter").firstElementChild.style.width = `${(fresh / Math.max(1, fresh + returning)) * 100}%`;
  byId("top-customers").hidden = !top.length;
  keep(byId("top-customers").tBodies[0], top, (customer) => customer.customer_id,
    () => row(["mono", "number", "number"]),
    (line, customer) => [customer.customer_id ?? "Without a number", count(customer.orders), fitMoney(customer.revenue)]
      .forEach((text, at) => say(line.children[at], text)));
}

function showInventory(inventory, now) {
  empty("inventory", !inventory?.length);
  const today = new Date(now).toISOString().slice(0, 10);
  keep(byId("inventory").tBodies[0], inventory ?? [], (item) => item.product_name,
    () => {
      const line = row(["", "number", "number", ""]);
      line.firstChild.append(html("span"), html("span", { class: "chip waiting" }, "Reorder"));
      return line;
    },
    (line, item) => {
      const out = item.stock !== null && item.stock <= 0;
      say(line.firstChild.firstChild, item.product_name);
      const chip = line.firstChild.lastChild;
      chip.hidden = !item.reorder && !out;
      say(chip, out ? "Sold out" : "Reorder");
      mark(chip, "class", out ? "chip failing" : "chip waiting");
      say(line.children[1], count(item.stock));
      say(line.children[2], item.days_of_cover === null ? "–" : days(item.days_of_cover));
      say(line.children[3], item.stock_out_date === null ? "–" : item.stock_out_date <= today && out ? "has run out" : shortDay(item.stock_out_date));
    });
}

const days = (number) => (Number(number) === 1 ? "1 day" : `${count(Number(number))} days`);

function showProjection(projection) {
  const missing = projection?.missing ?? (projection ? null : "There is no projection yet.");
  say(byId("projection-missing"), missing ?? "");
  byId("projection-missing").hidden = missing === null;
  for (const id of ["projection-figure", "projection-details"]) byId(id).hidden = missing !== null;
  if (missing !== null) return;
  const { past, days: coming } = projection;
  const none = (list) => Array(list.length).fill(null);
  // A projection starts where the past ends, so that the lines meet.
  const hinge = past.length ? [...none(past.slice(1)), size(past.at(-1).revenue)] : [];
  const values = (name) => [...hinge, ...coming.map((each) => size(each[name]))];
  const all = [...past, ...coming];
  chart ??= new Chart(byId("projection"));
  chart.draw({
    label: `Daily revenue, and its projection made for ${shortDay(projection.made_for)}`,
    slots: all.length,
    names: all.map((each, at) => ({ at, text: shortDay(each.day) })).filter((_, at) => at % 7 === past.length % 7),
    tick: tickMoney,
    lines: [{ kind: "past", values: [...past.map((each) => size(each.revenue)), ...none(coming)] }, { kind: "projected", values: values("revenue") }],
    ranges: [["wide", "95"], ["narrow", "80"]].map(([kind, share]) => ({ kind, low: values(`low${share}`), high: values(`high${share}`) })),
    border: past.length || undefined,
    read: (at) => {
      const each = all[at];
      return {
        title: dayInWeek(each.day),
        items: at < past.length ? [{ kind: "past", name: "Sold", text: money(each.revenue) }] : [
          { kind: "projected", name: "Projected", text: roundMoney(each.revenue) },
          { kind: "narrow", name: "80 %", text: range(each, "80") },
          { kind: "wide", name: "95 %", text: range(each, "95") },
        ],
      };
    },
  });
  keep(byId("projection-table").tBodies[0], coming, (each) => each.day,
    () => row(["", "number", "number", "number"]),
    (line, each) => [dayInWeek(each.day), roundMoney(each.revenue), range(each, "80"), range(each, "95")]
      .forEach((text, at) => say(line.children[at], text)));
}

const range = (each, share) => `${roundMoney(each[`low${share}`])} to ${roundMoney(each[`high${share}`])}`;
