// What the figures mean, in a word and a sentence: functions of what was read, nothing else.

import { change, count, fitMoney, percent, roundMoney, size, span, dayOfWeek } from "./figures.js";

const LIKELY = 7; // no order at all where as many are usual: a chance of 1 in 1,000
const ENOUGH = 30; // with fewer orders than that, a comparison is noise
const BEHIND = -25; // percent, against both days

/** How sales are. `now` is in milliseconds. */
export function salesVerdict(payload, now) {
  if (!payload?.data) {
    return payload?.error
      ? { state: "unknown", word: "Sales are unknown", sentence: payload.error }
      : { state: "unknown", word: "Connecting…", sentence: "The first figures are on their way." };
  }
  const { data } = payload;
  const { today, yesterday, last_week: week } = data.so_far;
  if (!today.orders && !yesterday.orders && !week.orders && !data.latest.length) {
    return { state: "waiting", word: "Nothing sold yet", sentence: "No order has arrived so far.", empty: true };
  }
  const quiet = silence(data, now);
  if (quiet) return { state: "waiting", word: "Sales are quiet", sentence: quiet };
  const sold = `${fitMoney(today.revenue, roundMoney)} today`;
  const versus = [yesterday, week].map((day) => change(size(today.revenue), size(day.revenue)));
  const weekday = dayOfWeek(data.now);
  const compared = versus[1] !== null
    ? `${percent(versus[1])} against last ${weekday} at this time`
    : versus[0] !== null ? `${percent(versus[0])} against yesterday at this time` : "nothing to compare it with yet";
  const sentence = `${sold}, ${compared}.`;
  const known = versus.filter((each) => each !== null);
  if (Math.min(yesterday.orders, week.orders) >= ENOUGH && known.length === 2 && Math.max(...known) < BEHIND) {
    return { state: "waiting", word: "Sales are behind", sentence };
  }
  return { state: "well", word: "Sales are well", sentence };
}

/** How long there was no order, if that is longer than chance explains; else null. */
function silence(data, now) {
  const newest = data.minutes.findLastIndex((minute) => minute.orders > 0);
  const since = newest < 0 ? Date.parse(data.minutes[0].start) : Date.parse(data.minutes[newest].start) + 60_000;
  const seconds = Math.max(0, (now - since) / 1000);
  const hour = new Date(now).getUTCHours();
  const usual = [data.hours.yesterday, data.hours.last_week]
    .map((hours) => hours.find((each) => each.hour === hour)?.orders ?? 0)
    .filter((orders) => orders > 0);
  if (!usual.length) return null;
  const hourly = usual.reduce((total, orders) => total + orders, 0) / usual.length;
  if ((hourly * seconds) / 3600 < LIKELY) return null;
  const long = newest < 0 ? "an hour" : span(seconds);
  return `No order for ${long}; ${count(hourly)} an hour are usual at this time.`;
}

/** How the pipeline is. */
export function pipelineVerdict(payload) {
  if (!payload?.data) {
    return { state: "unknown", word: "The pipeline is unknown", sentence: payload?.error ?? "Its hops are being asked." };
  }
  const { state, sentence } = payload.data;
  const word = {
    well: "The pipeline is well",
    waiting: "The pipeline is waiting",
    failing: "The pipeline is failing",
  }[state] ?? "The pipeline is unknown";
  return { state, word, sentence };
}

/** Both in one: the worse of them gives the word. `late`: nothing came for too long. */
export function verdict(connection, live, pipeline, sales, hops, late) {
  if (connection === "signed-out") return { state: "unknown", word: "Signed out" };
  if (connection === "lost") return { state: "unknown", word: "Connection lost" };
  if (late) return { state: "unknown", word: "Out of date" };
  if (live?.error) return { state: "unknown", word: live.data ? "Sales can’t be read" : "No figures" };
  if (!live) return { state: "unknown", word: "Connecting…" };
  if (hops.state === "failing") return hops;
  if (sales.empty) return sales;
  if (pipeline?.error) return { state: "unknown", word: "The pipeline can’t be read" };
  if (hops.state === "waiting" && sales.state === "waiting") return { state: "waiting", word: "Slow on both sides" };
  if (hops.state === "waiting") return hops;
  if (sales.state !== "well") return sales;
  if (hops.state === "well") return { state: "well", word: "All is well" };
  return { state: "well", word: "Sales are well" };
}
