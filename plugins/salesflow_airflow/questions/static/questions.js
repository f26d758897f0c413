// The questions' page: ask, watch, read, and ask again what was asked before.

import { byId, html, keepStage, say } from "../../static/elements.js";
import { Answer, bytes, dollars, stateChip } from "./answer.js";
import { Editor } from "./editor.js";

const DRAFT = "salesflow-question";
const RUNNING = new Set(["QUEUED", "RUNNING"]);
const stage = new URLSearchParams(location.search).get("stage");

/** Something went wrong that can be told; `line` and `column` say where, if it is known. */
class Told extends Error {
  constructor({ error, line, column }) {
    super(error);
    Object.assign(this, { line, column });
  }
}

const address = (path) => `questions/api/${path}${stage ? `?stage=${encodeURIComponent(stage)}` : ""}`;

async function call(path, options = {}) {
  let response;
  try {
    response = await fetch(address(path), options);
  } catch (error) {
    throw new Told({ error: `Airflow can't be reached (${error.message}).` });
  }
  if (response.status === 401) throw new Told({ error: "You are logged out: reload Airflow to log in again." });
  if (response.status === 204) return null;
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Told({ ...body, error: body.error ?? body.detail ?? `Airflow answers ${response.status}.` });
  return body;
}

const pause = (milliseconds) => new Promise((over) => { setTimeout(over, milliseconds); });
const answer = new Answer();
const editor = new Editor(() => ask());
let running = null;
let turns = 0; // how often an answer was asked for: only the last one is shown

function announce(sentence) {
  say(byId("announcer"), sentence);
}

function busy(is) {
  byId("run").disabled = is;
  byId("cancel").hidden = !is;
  byId("history").inert = is; // its answer would take the place of the one that is waited for
  byId("answer").setAttribute("aria-busy", String(is));
}

/** Say what is wrong, and show where. */
function complain(error, sql) {
  const part = byId("problem");
  part.hidden = false;
  part.replaceChildren(html("p", {}, error.message));
  if (!error.line) return;
  const text = (sql.split("\n")[error.line - 1] ?? "").replaceAll("\t", " ");
  const from = Math.max(0, error.column - 60);
  part.append(html("pre", { "aria-label": `Line ${error.line}, column ${error.column}` },
    `${text.slice(from, from + 120)}\n${" ".repeat(Math.max(0, error.column - 1 - from))}^ line ${error.line}, column ${error.column}`));
  if (editor.text === sql) editor.show(error.line, error.column);
}

async function ask() {
  if (running) return;
  const sql = editor.text;
  turns += 1;
  running = { id: null, cancelled: false };
  byId("problem").hidden = true;
  byId("facts").hidden = true;
  answer.wait("Asking…");
  busy(true);
  try {
    const { id } = await call("queries", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ sql }),
    });
    running.id = id;
    if (running.cancelled) await stop();
    await follow(id, sql);
  } catch (error) {
    if (!(error instanceof Told)) throw error;
    answer.wait("There is no answer.");
    complain(error, sql);
  } finally {
    running = null;
    busy(false);
  }
  await showHistory();
}

/** Watch a question to its end, and show what came of it. */
async function follow(id, sql) {
  const began = performance.now();
  let question = await call(`queries/${id}`);
  for (let wait = 150; RUNNING.has(question.state); wait = Math.min(wait * 1.4, 2000)) {
    const seconds = (performance.now() - began) / 1000;
    answer.facts(question, seconds);
    answer.wait(question.state === "QUEUED" ? "Waiting for Athena…" : "Athena is at it…");
    await pause(wait);
    question = await call(`queries/${id}`);
  }
  await present(question, sql);
}

async function present(question, sql) {
  const turn = turns;
  answer.facts(question);
  if (question.state === "FAILED") {
    answer.wait("There is no answer.");
    complain(new Told(question), sql);
    return;
  }
  if (question.state !== "SUCCEEDED") {
    // Athena cancels, too: what would read more than its limit.
    const reason = question.error ? ` Athena says: ${question.error}.` : "";
    answer.wait(question.state === "CANCELLED" ? `The question was cancelled.${reason}` : "The question is still running.");
    announce(byId("waiting").textContent);
    return;
  }
  answer.wait("Reading the answer…");
  const found = await call(`queries/${question.id}/rows`);
  if (turn !== turns) return;
  answer.show(found, address(`queries/${question.id}/csv`));
  announce(`${found.more ? "More than " : ""}${found.rows.length} rows, ${bytes(question.scanned_bytes)} scanned, ${dollars(question.cost)}`);
}

async function stop() {
  if (!running) return;
  running.cancelled = true;
  if (!running.id) return;
  try {
    await call(`queries/${running.id}`, { method: "DELETE" });
  } catch (error) {
    if (!(error instanceof Told)) throw error;
    complain(error, "");
  }
}

/** Fill a part of the page, or say why it stays empty. */
async function fill(name, empty, read) {
  const state = byId(`${name}-state`);
  try {
    const count = await read();
    state.hidden = count > 0;
    say(state, empty);
  } catch (error) {
    if (!(error instanceof Told)) throw error;
    state.hidden = false;
    say(state, error.message);
  }
}

const showExamples = () => fill("examples", "No query comes with this deployment.", async () => {
  const { examples } = await call("examples");
  byId("examples").replaceChildren(...examples.map((example) => {
    const button = html("button", { type: "button" },
      html("b", {}, example.name.replaceAll("_", " ")), html("span", { class: "about" }, example.about));
    button.addEventListener("click", () => editor.replace(example.sql));
    return html("li", {}, button);
  }));
  return examples.length;
});

const showTables = () => fill("tables", "There is no table yet: run the DAG ingest_orders.", async () => {
  const { database, tables } = await call("tables");
  say(byId("database"), database);
  byId("tables").replaceChildren(...tables.map(describe));
  const names = new Map(tables.map(({ name, view }) => [name, { name, kind: view ? "view" : "table" }]));
  for (const { columns } of tables) {
    for (const { name, type } of columns) if (!names.has(name)) names.set(name, { name, kind: type });
  }
  editor.know([...names.values()]);
  return tables.length;
});

/** A table: what it is, its name and its columns, each of which a click inserts. */
function describe({ name, view, about, columns }) {
  const pick = (text, type, label) => {
    const button = html("button", { type: "button", "aria-label": label }, html("span", {}, text), html("span", {}, type));
    button.addEventListener("click", () => editor.insert(text));
    return html("li", {}, button);
  };
  return html("details", {},
    html("summary", {}, html("b", {}, name), view ? html("span", { class: "chip" }, "view") : null),
    html("p", { class: "about" }, about ?? ""),
    html("ul", {}, pick(name, "insert", `Insert ${name}`),
      ...columns.map((column) => pick(column.name, `${column.type}${column.partition ? ", partition" : ""}`,
        `Insert ${column.name}, ${column.type}${column.partition ? ", which partitions the table" : ""}`))));
}

const showHistory = () => fill("history", "Nothing has been asked yet.", async () => {
  const { questions } = await call("queries");
  byId("history").replaceChildren(...questions.map((question) => {
    const button = html("button", { type: "button" },
      html("span", { class: "sql" }, question.sql.trim()),
      html("span", { class: "about" }, stateChip(question.state),
        html("span", {}, new Date(question.asked_at).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" })),
        question.asked_by === null ? null : html("span", {}, question.asked_by),
        html("span", {}, dollars(question.cost))));
    button.addEventListener("click", () => again(question));
    return html("li", {}, button);
  }));
  return questions.length;
});

/** A question that was asked before: its text, and its answer, which costs nothing to read. */
async function again(question) {
  turns += 1;
  const turn = turns;
  byId("problem").hidden = true;
  editor.replace(question.sql);
  try {
    const known = await call(`queries/${question.id}`);
    if (turn === turns) await present(known, question.sql);
  } catch (error) {
    if (!(error instanceof Told)) throw error;
    if (turn !== turns) return;
    answer.wait("There is no answer.");
    complain(error, question.sql);
  }
}

byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  ask();
});
byId("cancel").addEventListener("click", stop);
editor.area.addEventListener("input", () => sessionStorage.setItem(DRAFT, editor.text));
const draft = sessionStorage.getItem(DRAFT);
if (draft) {
  editor.area.value = draft;
  editor.number();
}
keepStage();
showExamples();
showTables();
showHistory();
