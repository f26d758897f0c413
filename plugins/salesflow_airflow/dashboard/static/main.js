// Brings together what comes from the server, what it means, and the page.

import { airflowLink, followRuns } from "./airflow.js";
import { byId, html, keepStage, mark, say, showSign } from "./elements.js";
import { Feed } from "./feed.js";
import { ago, exactTime, moment, shortDay, span } from "./figures.js";
import { showExact, showLake } from "./lake.js";
import { showPipeline } from "./pipeline.js";
import { showSales } from "./sales.js";
import { pipelineVerdict, salesVerdict, verdict } from "./verdict.js";

const STALE_SECONDS = { live: 8, pipeline: 45, lake: 200 };
const ANNOUNCE_MS = 15_000;
const FIGURES = { live: "figures", pipeline: "figures of the pipeline", lake: "figures of the lake" };

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
  // It may creep up again, as a screen on a wall stays for weeks and its clock drifts.
  if (payload.read_at && !payload.error) ahead = Math.min(ahead + 1, Date.now() - Date.parse(payload.read_at));
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
  if (changed.has("lake") && lake.data) showLake(lake.data, now());
  if (lake?.data) showExact(lake.data, live?.data ?? null, now());
  changed.clear();
  judge();
}

/** The word, the sentences and every age; also each second, as time alone changes them. */
function judge() {
  if (paused !== null) return;
  const { live, pipeline } = payloads;
  const sales = salesVerdict(live, now());
  const hops = pipelineVerdict(pipeline);
  const whole = verdict(connection, live, pipeline, sales, hops, isLate());
  mark(byId("verdict"), "data-state", whole.state);
  showSign(byId("verdict-sign"), whole.state);
  say(byId("verdict-word"), whole.word);
  // What can't be seen now is no state of now.
  const blind = connection === "lost" || connection === "signed-out" || isLate();
  showSign(byId("sales-sign"), blind || live?.error ? "unknown" : sales.state);
  say(byId("sales-sentence"), sales.sentence);
  showSign(byId("pipeline-sign"), blind || pipeline?.error ? "unknown" : hops.state);
  if (byId("pipeline-sentence").textContent !== hops.sentence) byId("pipeline-sentence").replaceChildren(...linked(hops.sentence));
  byId("start").hidden = !(sales.empty || (live?.error && !live.data));
  showNotice();
  showConnection();
  for (const part of document.querySelectorAll("[data-of]")) showAge(part);
  mark(byId("clock"), "datetime", iso(now()));
  say(byId("clock"), exactTime(iso(now())));
  document.title = `${whole.word} – Sales`;
  announce(`${whole.word}. ${byId("notice").hidden ? "" : byId("notice").textContent}`.trim());
}

const age = (payload) => (payload?.read_at ? (now() - Date.parse(payload.read_at)) / 1000 : null);

/** Whether figures should have come long ago, though nobody has heard of a loss: all may hang. */
const isLate = () => connection === "open" && !payloads.live?.error && age(payloads.live) > STALE_SECONDS.live;

function showNotice() {
  // What moves fastest is told of first, whichever came first.
  const kind = Object.keys(FIGURES).find((each) => payloads[each]?.error);
  const failing = payloads[kind];
  const asOf = (payload, figures = "figures") => (payload?.read_at ? ` The ${figures} are as of ${exactTime(payload.read_at)}.` : "");
  let text = "";
  if (connection === "signed-out") text = `You are signed out of Airflow since ${exactTime(iso(since))} or before. Sign in again, and this page goes on by itself.${asOf(payloads.live)}`;
  else if (connection === "lost") text = `Airflow can’t be reached since ${exactTime(iso(since - (Number.isFinite(ahead) ? ahead : 0)))}. This page goes on by itself as soon as it can.${asOf(payloads.live)}`;
  else if (isLate()) text = `Nothing new has come since ${exactTime(payloads.live.read_at)}. This page goes on by itself as soon as something does.`;
  else if (failing) text = `${sentence(failing.error)} ${failing.since ? `So since ${exactTime(failing.since)}; it` : "It"} is tried again by itself.${asOf(failing, FIGURES[kind])}`;
  byId("notice").hidden = !text;
  mark(byId("notice"), "class", `notice ${failing || connection === "signed-out" ? "failing" : "waiting"}`);
  if (byId("notice").textContent !== text) byId("notice").replaceChildren(...linked(text));
}

const SIGN_IN = "Sign in";
// Airflow knows where people log in, and leads them back.
const signIn = () => `api/v2/auth/login?next=${encodeURIComponent(window.parent.location.href)}`;

/** A sentence in which the DAGs that it names, and the login, are links. */
const linked = (text) => text.split(/\b(deploy_pipeline|generate_orders|ingest_orders|daily_sales_reports|redrive_orders|Sign in)\b/)
  .map((part, at) => {
    if (at % 2 === 0) return part;
    const link = html("a", {}, part);
    airflowLink(link, part === SIGN_IN ? signIn() : `dags/${part}`);
    return link;
  });

const sentence = (text) => (/[.!?]$/.test(text) ? text : `${text}.`);

function showConnection() {
  const chip = byId("connection");
  const [kind, word] = {
    connecting: ["unknown", "Connecting…"],
    open: payloads.live?.error || isLate() ? ["failing", "Not up to date"] : ["live", "Live"],
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
  const seconds = age(payload);
  const blind = connection === "lost" || connection === "signed-out";
  const stale = Boolean(payload && (blind || payload.error || seconds === null || seconds > STALE_SECONDS[kind]));
  part.toggleAttribute("data-stale", stale);
  mark(part, "data-waiting", payload?.data ? null : payload?.error ? "in vain" : "");
  if (!place) return;
  const [word, text] = !payload?.data
    ? [payload?.error ? "no figures" : "loading", ""]
    : stale ? ["out of date", seconds === null ? "" : `${span(seconds)} old`]
    : kind === "lake" ? exactAs(place, payload.data)
    : kind === "live" ? ["≈ live", ago(seconds)]
    : ["counted", ago(seconds)];
  if (!place.firstChild) place.append(html("span"), " ", html("span"));
  const [chip, old] = place.children;
  mark(chip, "class", `chip ${stale ? "waiting" : word.startsWith("✓") ? "well" : word.startsWith("≈") ? "live" : ""}`.trim());
  say(chip, word);
  say(old, text);
}

function exactAs(place, data) {
  const { made_for: projected } = data.projection ?? {};
  if (place.dataset.asOf === "projection") return projected ? ["projected", `as of ${shortDay(projected)}`] : ["nothing yet", ""];
  if (place.dataset.asOf === "report") return data.report_day === null ? ["nothing yet", ""] : ["✓ exact", `until ${shortDay(data.report_day)}`];
  if (data.merged_at === null) return ["nothing yet", ""];
  return ["✓ exact", `as of ${moment(data.merged_at, now())}, ${ago((now() - Date.parse(data.merged_at)) / 1000)}`];
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

keepStage();
for (const link of document.querySelectorAll("[data-dag]")) airflowLink(link, `dags/${link.dataset.dag}`);
followRuns(now, () => paused !== null);
setInterval(judge, 1000);
new Feed(hear, (state, at) => {
  connection = state;
  since = at;
  schedule();
}).start();
judge();
