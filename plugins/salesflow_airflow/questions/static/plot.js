// A chart of an answer, by plotly: what goes along, what is measured, and in what shape.

import { byId, html, say } from "../../static/elements.js";
import { isNumber } from "./answer.js";

const TIMES = new Set(["date", "timestamp", "timestamp with time zone", "time"]);
const SHAPES = { bars: "Bars", lines: "Lines", points: "Points", none: "No chart" };
const MOST = { bars: 60, series: 8, letters: 22, ticks: 30 };
const COLOURS = ["--accent", "--second", "--well", "--waiting", "--failing", "--edge", "--link", "--muted"];

let library = null;

/** Plotly is large: it is loaded by the first chart. */
function plotly() {
  library ??= new Promise((loaded, failed) => {
    const script = html("script", { src: "plotly.min.js" });
    script.addEventListener("load", () => loaded(window.Plotly));
    script.addEventListener("error", () => {
      library = null;
      failed(new Error("the chart's library could not be loaded"));
    });
    document.head.append(script);
  });
  return library;
}

const isTime = (column) => TIMES.has(column.type) || /^timestamp/.test(column.type);
const isKey = (column) => /(^|_)id$|orderid|^creation_time$/.test(column.name);
const distinct = (values) => new Set(values).size === values.length;

/** What is drawn of an answer unless somebody chooses: null if there is nothing to draw. */
export function choice(columns, rows) {
  const at = columns.map((column, index) => ({ ...column, index }));
  const measures = at.filter((column) => isNumber(column) && !isKey(column) && rows.some((row) => row[column.index] !== null));
  const times = at.filter(isTime);
  const texts = at.filter((column) => !isNumber(column) && !isTime(column));
  const categories = [...texts.filter((column) => !isKey(column)), ...texts.filter(isKey)];
  if (rows.length < 2 || !measures.length) return null;
  // Money and the like come last in most answers, after the counts.
  const y = measures.at(-1).index;
  const x = (times[0] ?? categories[0] ?? measures.find((column) => column.index !== y))?.index;
  if (x === undefined) return null;
  const alone = distinct(rows.map((row) => row[x]));
  const by = alone ? undefined : [...categories, ...times].find(({ index }) =>
    index !== x && new Set(rows.map((row) => row[index])).size <= MOST.series &&
    distinct(rows.map((row) => JSON.stringify([row[x], row[index]]))))?.index;
  const line = times.length > 0;
  const shape = alone || by !== undefined ? (line ? "lines" : isNumber(columns[x]) ? "points" : "bars") : "points";
  return { x, y, by: by ?? null, shape };
}

export class Plot {
  constructor() {
    this.chosen = null;
    const redraw = () => this.draw();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
    new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  }

  show(columns, rows, more) {
    Object.assign(this, { columns, rows, more, chosen: choice(columns, rows) });
    byId("chart-part").hidden = !this.chosen;
    if (!this.chosen) return;
    this.offer();
    this.draw();
  }

  offer() {
    const { columns, chosen } = this;
    const all = columns.map(({ name }, at) => [String(at), name]);
    const numbers = all.filter((_, at) => isNumber(columns[at]));
    const select = (key, label, options) => {
      const control = html("select", {}, ...options.map(([value, text]) =>
        html("option", { value, selected: String(chosen[key] ?? "") === value }, text)));
      control.addEventListener("change", () => {
        chosen[key] = key === "shape" ? control.value : control.value === "" ? null : Number(control.value);
        this.draw();
      });
      return html("label", {}, label, control);
    };
    byId("choices").replaceChildren(
      select("shape", "Chart", Object.entries(SHAPES)),
      select("x", "Along", all),
      select("y", "Measure", numbers),
      select("by", "One for each", [["", "–"], ...all]),
    );
  }

  async draw() {
    if (!this.chosen) return;
    const { columns, chosen } = this;
    const [host, note] = [byId("chart"), byId("chart-note")];
    host.hidden = chosen.shape === "none";
    if (host.hidden) {
      say(note, "");
      return;
    }
    let Plotly;
    try {
      Plotly = await plotly();
    } catch (error) {
      say(note, `There is no chart: ${error.message}.`);
      return;
    }
    const probe = html("span", { class: "unseen" });
    document.body.append(probe);
    const colour = (name) => {
      probe.style.color = `var(${name})`;
      return getComputedStyle(probe).color;
    };
    const { traces, left } = this.traces(colour);
    const axis = { gridcolor: colour("--line"), linecolor: colour("--line"), zerolinecolor: colour("--edge"), automargin: true };
    const layout = {
      margin: { l: 56, r: 12, t: traces.length > 1 ? 28 : 12, b: 40 },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: colour("--ink"), family: getComputedStyle(document.body).fontFamily, size: 12 },
      colorway: COLOURS.map(colour),
      xaxis: { ...axis, type: isTime(columns[chosen.x]) ? "date" : isNumber(columns[chosen.x]) ? "linear" : "category", showgrid: false, ...this.ticks(traces) },
      yaxis: { ...axis, title: { text: escaped(columns[chosen.y].name), standoff: 8 } },
      showlegend: traces.length > 1,
      legend: { orientation: "h", y: 1, yanchor: "bottom" },
      barmode: "group",
    };
    probe.remove();
    await Plotly.react(host, traces, layout, { displayModeBar: false, responsive: true });
    const by = chosen.by === null ? "" : `, for each ${columns[chosen.by].name}`;
    host.setAttribute("role", "img");
    host.setAttribute("aria-label", `${columns[chosen.y].name} along ${columns[chosen.x].name}${by}; the table below has its numbers`);
    const parts = [left, this.more ? "Of the rows shown, not of all." : ""].filter(Boolean);
    say(note, parts.join(" "));
  }

  /** Long names are cut on the axis, and of many some are left out; all stand in the table and under the pointer. */
  ticks(traces) {
    const column = this.columns[this.chosen.x];
    if (isTime(column) || isNumber(column)) return {};
    const all = [...new Set(traces.flatMap((trace) => trace.names))];
    const names = all.filter((_, at) => at % Math.ceil(all.length / MOST.ticks) === 0);
    const cut = (name) => (name.length > MOST.letters ? `${name.slice(0, MOST.letters - 1)}…` : name);
    return { tickmode: "array", tickvals: names.map(escaped), ticktext: names.map((name) => escaped(cut(name))) };
  }

  traces(colour) {
    const { rows, chosen } = this;
    const bars = chosen.shape === "bars";
    let used = rows.filter((row) => row[chosen.x] !== null && row[chosen.y] !== null);
    let left = used.length < rows.length ? `${rows.length - used.length} rows with NULL are left out.` : "";
    if (isTime(this.columns[chosen.x])) used = [...used].sort((a, b) => (a[chosen.x] < b[chosen.x] ? -1 : a[chosen.x] > b[chosen.x] ? 1 : 0));
    const groups = new Map();
    for (const row of used) {
      const key = chosen.by === null ? "" : row[chosen.by] ?? "NULL";
      groups.set(key, [...(groups.get(key) ?? []), row]);
    }
    let series = [...groups];
    if (series.length > MOST.series) {
      left += ` The first ${MOST.series} of ${series.length} are drawn.`;
      series = series.slice(0, MOST.series);
    }
    const traces = series.map(([name, some], at) => {
      const drawn = bars && some.length > MOST.bars ? some.slice(0, MOST.bars) : some;
      if (drawn.length < some.length) left += ` The first ${drawn.length} of ${some.length} bars are drawn.`;
      return {
        type: bars ? "bar" : "scatter",
        mode: chosen.shape === "lines" ? "lines+markers" : "markers",
        name: escaped(String(name)),
        names: drawn.map((row) => row[chosen.x]),
        x: drawn.map((row) => (isNumber(this.columns[chosen.x]) ? Number(row[chosen.x]) : escaped(row[chosen.x]))),
        y: drawn.map((row) => Number(row[chosen.y])),
        // Some colours are alike: shapes tell lines apart, too.
        marker: { color: colour(COLOURS[at % COLOURS.length]), ...(bars ? {} : { symbol: at }) },
      };
    });
    return { traces, left: left.trim() };
  }
}

/** Plotly reads a few tags in its texts, links among them; ours have none. */
function escaped(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
