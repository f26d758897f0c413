// Airflow around this page: links into it, and the DAGs' last runs by its REST API, as the user who
// looks may see them.

import { byId, html, keep, mark, row, say, showSign } from "./elements.js";
import { moment, span } from "./figures.js";

const DAGS = ["deploy_pipeline", "ingest_orders", "daily_sales_reports", "project_sales"];
const EVERY_MS = 15_000;
const STATES = {
  success: ["well", "Succeeded"],
  failed: ["failing", "Failed"],
  running: ["waiting", "Running"],
  queued: ["waiting", "Queued"],
};

// Where Airflow lies, whatever path it is served under.
const base = new URL("../", location.href.split(/[?#]/)[0]);

/**
 * Make a link lead to a page of Airflow's. Framed by Airflow, this page may not navigate the window,
 * so a link of the window's own document is clicked instead.
 */
export function airflowLink(link, path) {
  mark(link, "href", new URL(path, base).href);
  if (window.parent === window || link.dataset.outer) return;
  link.dataset.outer = "true";
  link.addEventListener("click", (event) => {
    event.preventDefault();
    const outer = window.parent.document;
    const stand = outer.createElement("a");
    stand.href = link.href;
    if (event.ctrlKey || event.metaKey || event.shiftKey) stand.target = "_blank";
    outer.body.append(stand);
    stand.click();
    stand.remove();
  });
}

const runs = new Map(DAGS.map((dag) => [dag, { missing: "…" }]));

async function look(dag) {
  const answer = await fetch(new URL(`api/v2/dags/${dag}/dagRuns?order_by=-run_after&limit=1`, base));
  if (answer.status === 404) return { missing: "There is no such DAG" };
  if (answer.status === 401 || answer.status === 403) return { missing: "Not yours to see" };
  if (!answer.ok) throw new Error(`Airflow answers ${answer.status}`);
  const [run] = (await answer.json()).dag_runs;
  return run ? { run } : { missing: "Has not run yet" };
}

/** Keep the runs up to date while the page is seen; `now()` is the server's time. */
export function followRuns(now, paused) {
  let read = null;
  const refresh = async () => {
    if (document.hidden || paused()) return;
    try {
      const found = await Promise.all(DAGS.map(look));
      DAGS.forEach((dag, at) => runs.set(dag, found[at]));
      read = Date.now();
      say(byId("runs-age"), "");
    } catch (error) {
      say(byId("runs-age"), read === null ? "Airflow does not answer" : `Airflow does not answer; as of ${span((Date.now() - read) / 1000)} ago`);
      console.info(`The last runs could not be read: ${error.message}`);
    }
    showRuns(now());
  };
  refresh();
  setInterval(refresh, EVERY_MS);
  document.addEventListener("visibilitychange", refresh);
}

function showRuns(now) {
  keep(byId("runs").tBodies[0], DAGS, (dag) => dag,
    () => {
      const line = row(["", "", ""]);
      line.children[0].append(html("a"));
      line.children[1].append(html("a"), html("span"), html("small", { class: "muted" }));
      line.children[2].append(html("span", { class: "chip" }, html("span"), html("span")));
      return line;
    },
    (line, dag) => {
      const { run, missing } = runs.get(dag);
      const [link, none, note] = line.children[1].children;
      const chip = line.children[2].firstChild;
      say(line.children[0].firstChild, dag);
      airflowLink(line.children[0].firstChild, `dags/${dag}`);
      link.hidden = note.hidden = chip.hidden = !run;
      none.hidden = Boolean(run);
      say(none, missing ?? "");
      if (!run) return;
      const [state, word] = STATES[run.state] ?? ["unknown", run.state];
      say(link, moment(run.start_date ?? run.run_after, now));
      mark(link, "aria-label", `The run of ${dag} of ${link.textContent}`);
      airflowLink(link, `dags/${dag}/runs/${encodeURIComponent(run.dag_run_id)}`);
      say(note, run.start_date && run.end_date ? `took ${span((Date.parse(run.end_date) - Date.parse(run.start_date)) / 1000)}` : "");
      mark(chip, "class", `chip ${state}`);
      showSign(chip.firstChild, state);
      say(chip.lastChild, word);
    });
}
