// The pipeline: each hop, and what needs a hand.

import { byId, html, keep, mark, row, say, showSign } from "./elements.js";
import { ago, count, moment } from "./figures.js";
import { airflowLink } from "./airflow.js";

const WORDS = { well: "Well", waiting: "Waiting", failing: "Failing", unknown: "Unknown" };
const LABELS = ["Hop", "In", "Out", "Waiting", "Failed", "Newest", "State"];

export function showPipeline(data, now) {
  showHops(data.hops);
  showTrouble(data, now);
}

function showHops(hops) {
  keep(byId("hops").tBodies[0], hops, (hop) => hop.id,
    () => {
      const line = row(["", ...Array(5).fill("number"), ""]);
      LABELS.forEach((label, at) => mark(line.children[at], "data-label", label));
      line.firstChild.append(html("span"), html("small", {}, html("span", { class: "muted" }), html("a", { class: "dag", hidden: true })));
      line.lastChild.append(html("span", { class: "chip" }, html("span"), html("span")));
      return line;
    },
    (line, hop) => {
      const [name, under] = line.firstChild.children;
      const [note, link] = under.children;
      say(name, hop.name);
      say(note, hop.note ?? "");
      link.hidden = hop.dag === null;
      if (hop.dag !== null) {
        say(link, hop.dag);
        airflowLink(link, `dags/${encodeURIComponent(hop.dag)}`);
      }
      [hop.came, hop.went, hop.waits, hop.failed].forEach((figure, at) => say(line.children[at + 1], count(figure)));
      mark(line.children[4], "class", hop.failed ? "number failing" : "number");
      say(line.children[5], hop.age_seconds === null ? "–" : ago(hop.age_seconds));
      const chip = line.lastChild.firstChild;
      mark(chip, "class", `chip ${hop.state}`);
      showSign(chip.firstChild, hop.state);
      say(chip.lastChild, WORDS[hop.state] ?? WORDS.unknown);
      mark(line, "data-state", hop.state);
    });
}

function showTrouble({ quarantine, dead_letters: dead, alarms }, now) {
  const many = (number, one, more) => (number === null || number === undefined ? `Unknown: ${more}` : `${count(number)} ${number === 1 ? one : more}`);
  const items = [
    {
      key: "quarantine",
      state: quarantine?.waiting ? "failing" : quarantine?.waiting === 0 ? "well" : "unknown",
      title: quarantine?.waiting === 0 ? "Nothing in quarantine" : `${many(quarantine?.waiting, "record", "records")} in quarantine`,
      text: quarantine?.waiting ? `What could not be transformed${quarantine.newest_at === null ? "" : `; the newest is of ${moment(quarantine.newest_at, now)}`}.` : "",
      dag: quarantine?.waiting ? "redrive_orders" : null,
    },
    {
      key: "dead letters",
      state: dead ? "failing" : dead === 0 ? "well" : "unknown",
      title: dead === 0 ? "No dead letters" : many(dead, "dead letter", "dead letters"),
      text: dead ? "The pipe gave these batches of changes up." : "",
      dag: dead ? "redrive_orders" : null,
    },
    ...alarms.map((alarm) => ({
      key: `alarm ${alarm.name}`,
      state: "failing",
      title: `Alarm: ${alarm.name}`,
      text: `${alarm.reason ?? "CloudWatch gives no reason"}${alarm.since === null ? "" : ` (since ${moment(alarm.since, now)})`}`,
      dag: null,
    })),
    ...(alarms.length ? [] : [{ key: "no alarm", state: "well", title: "No alarm", text: "", dag: null }]),
  ];
  keep(byId("trouble"), items, (item) => item.key,
    () => html("li", {}, html("span"), html("div", {}, html("h3"), html("p", { class: "muted" }), html("a", { hidden: true }))),
    (item, { state, title, text, dag }) => {
      showSign(item.firstChild, state);
      const [heading, sentence, link] = item.lastChild.children;
      say(heading, title);
      say(sentence, text);
      sentence.hidden = !text;
      link.hidden = dag === null;
      if (dag !== null) {
        say(link, `Run ${dag}`);
        airflowLink(link, `dags/${encodeURIComponent(dag)}`);
      }
    });
}
