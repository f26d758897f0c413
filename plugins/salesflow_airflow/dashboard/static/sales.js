// What is sold now and today: the live figures.

import { Chart, spark } from "./chart.js";
import { byId, html, keep, mark, row, say } from "./elements.js";
import {
  change, count, dayOfWeek, exactTime, fitMoney, money, percent, perMinute, rate, roundMoney, size, sum, tickMoney,
  times,
} from "./figures.js";

const RECENT = 5; // minutes
const SHOWN = 40; // changes
const DAYS = [["today", "Today"], ["yesterday", "Yesterday"], ["last_week", "A week ago"]];

let chart = null;

export function showSales(data) {
  showNow(data);
  showToday(data);
  showHours(data);
  showBars(byId("products"), data.products, "Of no name", (product) => product.category);
  showBars(byId("categories"), data.categories, "Of no category", () => null);
  byId("products-note").hidden = data.products_complete;
  showLatest(data.latest);
}

/** The rate over the last minutes, the running one for as long as it has been. */
function showNow({ now, minutes }) {
  const recent = minutes.slice(-RECENT);
  if (!recent.length) return;
  const running = recent.at(-1);
  const seconds = (Date.parse(now) - Date.parse(recent[0].start)) / 1000;
  const orders = recent.reduce((total, minute) => total + minute.orders, 0);
  const revenue = sum(recent.map((minute) => minute.revenue));
  say(byId("orders-now"), rate((orders * 60) / Math.max(1, seconds)));
  say(byId("revenue-now"), fitMoney(perMinute(revenue, seconds), roundMoney));
  say(byId("orders-now-note"), `5 min average · ${count(running.orders)} this minute`);
  say(byId("revenue-now-note"), `5 min average · ${fitMoney(running.revenue, roundMoney)} this minute`);
  const perOrder = minutes.map((minute) => minute.orders);
  spark(byId("orders-spark"), perOrder, `Orders in each minute of the last hour: from ${Math.min(...perOrder)} to ${Math.max(...perOrder)}`);
  const amounts = minutes.map((minute) => size(minute.revenue));
  spark(byId("revenue-spark"), amounts, `Revenue of each minute of the last hour: up to ${tickMoney(Math.max(...amounts))}`);
}

function showToday({ now, so_far: soFar }) {
  say(byId("orders-today"), count(soFar.today.orders));
  say(byId("revenue-today"), fitMoney(soFar.today.revenue, roundMoney));
  const weekday = dayOfWeek(now);
  const days = [["yesterday", "yesterday", soFar.yesterday], ["last_week", `last ${weekday}`, soFar.last_week]];
  const against = (list, value) => keep(list, days, ([key]) => key,
    () => html("li", {}, html("b"), html("span")),
    (item, [, name, figures]) => {
      const relative = change(value(soFar.today), value(figures));
      say(item.firstChild, relative === null ? "–" : `${arrow(relative)} ${percent(relative)}`);
      mark(item.firstChild, "class", relative === null || Math.abs(relative) < 1 ? "same" : relative > 0 ? "up" : "down");
      say(item.lastChild, relative === null ? `nothing by now ${name}` : `on ${name}`);
    });
  against(byId("orders-against"), (figures) => figures.orders);
  against(byId("revenue-against"), (figures) => size(figures.revenue));
  keep(byId("so-far").tBodies[0], DAYS, ([key]) => key,
    () => row(["", ...Array(6).fill("number")]),
    (line, [key, name]) => {
      const figures = soFar[key];
      const texts = [name, money(figures.revenue), ...["orders", "units", "cancelled", "returned", "refused"].map((each) => count(figures[each]))];
      texts.forEach((text, at) => {
        say(line.children[at], text);
        mark(line.children[at], "data-label", byId("so-far").tHead.rows[0].cells[at].textContent);
      });
      mark(line.firstChild, "class", `key-of ${key}`);
    });
}

const arrow = (relative) => (Math.abs(relative) < 0.05 ? "=" : relative > 0 ? "▲" : "▼");

function showHours({ now, hours }) {
  const running = new Date(now).getUTCHours();
  const by = Object.fromEntries(DAYS.map(([key]) => [key, new Map(hours[key].map((each) => [each.hour, each]))]));
  const all = Array.from({ length: 24 }, (_, hour) => hour);
  const values = (key) => all.map((hour) => (by[key].has(hour) ? size(by[key].get(hour).revenue) : null));
  const future = (key, hour) => key === "today" && hour > running;
  const text = (key, hour) => {
    const each = by[key].get(hour);
    return !each || future(key, hour) ? "–" : `${money(each.revenue)} · ${count(each.orders)}`;
  };
  chart ??= new Chart(byId("hours"));
  chart.draw({
    label: "Revenue by the hour: today, yesterday and a week ago",
    slots: 24,
    names: all.filter((hour) => hour % 3 === 0).map((hour) => ({ at: hour, text: `${hour}:00` })),
    tick: tickMoney,
    bars: values("today").map((value, hour) => (hour > running ? null : value)),
    running,
    lines: [{ kind: "last_week", values: values("last_week") }, { kind: "yesterday", values: values("yesterday") }],
    read: (hour) => ({
      title: `${hour}:00 to ${hour + 1}:00${hour === running ? ", so far" : ""}`,
      items: DAYS.map(([key, name]) => ({ kind: key, name, text: text(key, hour) })),
    }),
  });
  keep(byId("hours-table").tBodies[0], all, (hour) => hour,
    () => row(["", "number", "number", "number"]),
    (line, hour) => {
      say(line.firstChild, `${hour}:00`);
      DAYS.forEach(([key], at) => say(line.children[at + 1], text(key, hour)));
    });
}

/** A table whose rows carry bars: how much of the best's revenue each has. */
function showBars(table, items, nameless, aside) {
  table.hidden = !items.length;
  table.parentElement.querySelector(".empty").hidden = items.length > 0;
  const best = Math.max(1e-9, ...items.map((item) => size(item.revenue)));
  keep(table.tBodies[0], items, (item) => JSON.stringify([item.name, item.category]),
    () => {
      const line = row(["", "number", "number", "number"]);
      line.firstChild.append(html("span"), html("small", { class: "muted" }), html("i", { class: "bar", "aria-hidden": "true" }));
      return line;
    },
    (line, item) => {
      const [name, under, bar] = line.firstChild.children;
      say(name, item.name ?? nameless);
      say(under, aside(item) ?? "");
      bar.style.width = `${Math.max(0, (size(item.revenue) / best) * 100).toFixed(1)}%`;
      [count(item.orders), count(item.units), fitMoney(item.revenue)].forEach((text, at) => say(line.children[at + 1], text));
    });
}

const KINDS = {
  INSERT: ["well", "+", "New"],
  MODIFY: ["", "~", "Changed"],
  REMOVE: ["waiting", "−", "Removed"],
  refused: ["failing", "!", "Refused"],
};

let seen = null; // null until the first list: what is old on opening isn't news

function showLatest(latest) {
  const shown = latest.slice(0, SHOWN);
  byId("latest").hidden = !shown.length;
  byId("latest-empty").hidden = shown.length > 0;
  // All of it: an order may change twice in the same millisecond.
  const keyOf = (each) => JSON.stringify(each);
  keep(byId("latest"), shown, keyOf, (each) => {
    const [state, mark, word] = KINDS[each.event_type] ?? ["", "?", each.event_type];
    const fresh = seen !== null && !seen.has(keyOf(each));
    const priced = each.quantity !== null && each.price !== null;
    const pieces = priced ? `${count(each.quantity)} × ${money(each.price)}` : null;
    const about = [pieces, each.status, each.country, each.channel].filter((text) => text !== null).join(" · ");
    return html("li", { class: fresh ? "fresh" : null },
      html("span", { class: `chip ${state}` }, html("b", { "aria-hidden": "true" }, mark), word),
      html("span", { class: "what" }, each.product_name ?? "An order of no product"),
      html("b", { class: "number" }, priced ? money(times(each.price, each.quantity)) : ""),
      html("span", { class: "about muted" }, about),
      html("span", { class: "mono muted" }, each.orderid),
      html("time", { class: "muted", datetime: each.arrived }, exactTime(each.arrived)),
      each.reason === null ? null : html("span", { class: "reason" }, each.reason));
  }, () => {});
  seen = new Set(shown.map(keyOf));
}
