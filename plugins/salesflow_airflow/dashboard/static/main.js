// Brings together what comes from the server, what it means, and the page.

import { airflowLink, followRuns } from "./airflow.js";
import { byId, mark, say, showSign } from "./elements.js";
import { Feed } from "./feed.js";
import { exactTime, moment, shortDay, span } from "./figures.js";
import { showLake } from "./lake.js";
import { showPipeline } from "./pipeline.js";
import { showSales } from "./sales.js";
import { pipelineVerdict, salesVerdict, verdict } from "./verdict.js";

const STALE_SECONDS = { live: 8, pipeline: 45, lake: 200 };
const ANNOUNCE_MS = 15_000;

const payloads = {};
const changed = new Set();
let connection = "connecting";
let since = null; // of the connection's state, by the clock here
let ahead = Infinity; // of the server's clock, in milliseconds: what the fastest message took, at most
let paused = null;
let scheduled = false;
let announced = "";
let announcedAt = 0;

const now = () => Date.now() - (Number.isFinite(ahead) ? ahead : 0);
const iso = (milliseconds) => new Date(milliseconds).toISOString();

function hear(kind, payload) {
  payloads[kind] = payload;
  if (payload.read_at && !payload.error) ahead = Math.min(ahead, Date.now() - Date.parse(payload.read_at));
  changed.add(kind);
  schedule();
}

function schedule() {
  if (scheduled || paused !== null) return;
  scheduled = true;
  requestAnimationFrame(() => {
    scheduled = false;
    render();
  });
}

function render() {
  const { live, pipeline, lake } = payloads;
  if (changed.has("live") && live.data) showSales(live.data);
  if (changed.has("pipeline") && pipeline.data) showPipeline(pipeline.data, now());
  if (lake?.data && (changed.has("lake") || changed.has("live"))) showLake(lake.data, live?.data ?? null, now());
  changed.clear();
  judge();
}

/** The word, the sentences and every age; also each second, as time alone changes them. */
function judge() {
  if (paused !== null) return;
  const { live, pipeline } = payloads;
  const sales = salesVerdict(live, now());
  const hops = pipelineVerdict(pipeline);
  const whole = verdict(connection, live, pipeline, sales, hops);
  mark(byId("verdict"), "data-state", whole.state);
  showSign(byId("verdict-sign"), whole.state);
  say(byId("verdict-word"), whole.word);
  showSign(byId("sales-sign"), sales.state);
  say(byId("sales-sentence"), sales.sentence);
  showSign(byId("pipeline-sign"), hops.state);
  say(byId("pipeline-sentence"), hops.sentence);
  byId("start").hidden = !sales.empty;
  document.body.toggleAttribute("data-known", Boolean(live?.data));
  showNotice();
  showConnection();
  for (const part of document.querySelectorAll("[data-of]")) showAge(part);
  mark(byId("clock"), "datetime", iso(now()));
  say(byId("clock"), exactTime(iso(now())));
  announce(`${whole.word}. ${byId("notice").hidden ? "" : byId("notice").textContent}`.trim());
}

function showNotice() {
  const failing = Object.values(payloads).find((payload) => payload.error);
  const asOf = (payload) => (payload?.read_at ? ` The figures are as of ${moment(payload.read_at, now())}.` : "");
  let text = "";
  if (connection === "signed-out") text = `You are signed out of Airflow since ${exactTime(iso(since))} or before. Sign in again, and this page goes on by itself.${asOf(payloads.live)}`;
  else if (connection === "lost") text = `Airflow can’t be reached since ${exactTime(iso(since - (Number.isFinite(ahead) ? ahead : 0)))}. This page goes on by itself as soon as it can.${asOf(payloads.live)}`;
  else if (failing) text = `${sentence(failing.error)} It is tried again all the time${failing.since ? `, since ${moment(failing.since, now())}` : ""}.${asOf(failing)}`;
  byId("notice").hidden = !text;
  mark(byId("notice"), "class", `notice ${failing || connection === "signed-out" ? "failing" : "waiting"}`);
  say(byId("notice"), text);
}

const sentence = (text) => (/[.!?]$/.test(text) ? text : `${text}.`);

function showConnection() {
  const chip = byId("connection");
  const [kind, word] = {
    connecting: ["unknown", "Connecting…"],
    open: payloads.live?.error ? ["failing", "Not up to date"] : ["live", "Live"],
    lost: ["failing", `Lost for ${span((Date.now() - since) / 1000)}`],
    "signed-out": ["failing", "Signed out"],
    resting: ["unknown", "Resting"],
  }[connection];
  mark(chip, "class", `chip ${kind}`);
  say(chip, word);
}

/** How old a part's figures are, and whether they are live or exact. */
function showAge(part) {
  const kind = part.dataset.of;
  const place = part.querySelector(".age");
  const payload = payloads[kind];
  const seconds = payload?.read_at ? (now() - Date.parse(payload.read_at)) / 1000 : null;
  const stale = Boolean(payload && (payload.error || seconds === null || seconds > STALE_SECONDS[kind]));
  part.toggleAttribute("data-stale", stale);
  part.toggleAttribute("data-waiting", !payload?.data);
  if (!place) return;
  const [word, text] = !payload?.data
    ? [payload?.error ? "no figures" : "loading", ""]
    : stale ? ["out of date", seconds === null ? "" : `${span(seconds)} old`]
    : kind === "lake" ? ["✓ exact", asOf(place, payload.data)]
    : kind === "live" ? ["≈ live", `${span(seconds)} ago`]
    : ["counted", `${span(seconds)} ago`];
  if (!place.firstChild) place.append(Object.assign(document.createElement("span")), " ", document.createElement("span"));
  const [chip, age] = place.children;
  mark(chip, "class", `chip ${stale ? "waiting" : kind === "lake" ? "well" : kind === "live" ? "live" : ""}`.trim());
  say(chip, word);
  say(age, text);
}

function asOf(place, data) {
  if (place.dataset.asOf === "report") return data.report_day === null ? "" : `until ${shortDay(data.report_day)}`;
  return data.merged_at === null ? "" : `as of ${moment(data.merged_at, now())}, ${span((now() - Date.parse(data.merged_at)) / 1000)} ago`;
}

/** Tell a screen reader what changed in state, never the figures, and not in a flurry. */
function announce(text) {
  if (text === announced || Date.now() - announcedAt < ANNOUNCE_MS) return;
  if (announced) say(byId("announcer"), text);
  announced = text;
  announcedAt = Date.now();
}

byId("pause").addEventListener("click", () => {
  if (paused === null) {
    paused = now();
    say(byId("connection"), `Paused at ${exactTime(iso(paused))}`);
    mark(byId("connection"), "class", "chip waiting");
  } else {
    paused = null;
    render();
  }
  mark(byId("pause"), "aria-pressed", paused !== null);
  say(byId("pause"), paused === null ? "Pause" : "Go on");
});

for (const link of document.querySelectorAll("[data-dag]")) airflowLink(link, `dags/${link.dataset.dag}`);
followRuns(now, () => paused !== null);
setInterval(judge, 1000);
new Feed(hear, (state, at) => {
  connection = state;
  since = at;
  schedule();
}).start();
judge();
