"use strict";
// The engine answers in words and this page shows them. All text from outside goes through textContent: ids and titles are hostile.

const byId = (id) => document.getElementById(id);

/** Makes an element; a text child becomes a text node, `null` children are left out. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null) element.setAttribute(name, value);
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Sets text only where it differs, so that screen readers and selections are left alone. */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function show(element, isShown) {
  if (element.hidden === isShown) element.hidden = !isShown;
}

// MARK: Requests

const tokenKey = "freshet-token";
let token = sessionStorage.getItem(tokenKey);

/** Sends a request; throws an error whose text is for people, unless the status is good or one of `accepted`. */
async function request(path, options = {}, accepted = []) {
  const headers = token === null ? {} : { Authorization: "Bearer " + token };
  let answer;
  try {
    answer = await fetch(path, { ...options, headers, cache: "no-store", credentials: "omit", signal: AbortSignal.timeout(10000) });
  } catch {
    throw Object.assign(new Error("The engine does not answer."), { isSilence: true });
  }
  if (answer.status === 401) askForToken(token !== null);
  let body = null;
  try { body = await answer.json(); } catch { /* the status says enough */ }
  if (!answer.ok && !accepted.includes(answer.status)) {
    const reason = (body && (body.error || body.detail)) || "The engine answered with status " + answer.status + ".";
    throw Object.assign(new Error(reason + (body && body.fix ? " Fix: " + body.fix : "")), { status: answer.status });
  }
  return { status: answer.status, body };
}

function askForToken(isWrong) {
  const form = byId("sign-in");
  if (form.hidden) {
    show(form, true);
    show(byId("main"), false);
    show(byId("sections"), false);
    byId("token").focus();
  }
  if (isWrong) byId("sign-in-text").textContent = "That token was refused. Enter one of the tokens of admin.token_file.";
  forgetToken();
}

function forgetToken() {
  token = null;
  sessionStorage.removeItem(tokenKey);
  show(byId("sign-out"), false);
}

byId("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  token = byId("token").value.trim();
  sessionStorage.setItem(tokenKey, token);
  byId("token").value = "";
  show(byId("sign-in"), false);
  show(byId("main"), true);
  show(byId("sections"), true);
  show(byId("sign-out"), true);
  byId("main").focus();
  poll();
});
byId("sign-out").addEventListener("click", () => {
  forgetToken();
  location.reload();
});
show(byId("sign-out"), token !== null);

// MARK: Theme

const themeKey = "freshet-theme";
function applyTheme(theme) {
  if (theme === "auto") document.documentElement.removeAttribute("data-theme");
  else document.documentElement.setAttribute("data-theme", theme);
}
byId("theme").value = localStorage.getItem(themeKey) || "auto";
applyTheme(byId("theme").value);
byId("theme").addEventListener("change", (event) => {
  localStorage.setItem(themeKey, event.target.value);
  applyTheme(event.target.value);
});

// MARK: Polling

const known = { seq: null, rows: [], columns: [], lines: new Map(), activity: [] };
const secondsShown = 900;
let timer = null;
let isPolling = false;
let answeredAt = null;

/** One request each second, and none while nobody looks. */
async function poll() {
  clearTimeout(timer);
  if (isPolling || document.hidden || !byId("sign-in").hidden) return;
  isPolling = true;
  let wait = 1000;
  try {
    const { body } = await request("/v1/console" + (known.seq === null ? "" : "?since=" + known.seq));
    answeredAt = Date.now();
    take(body);
    show(byId("stale"), false);
    document.documentElement.classList.remove("stale");
  } catch (error) {
    if (error.status !== 401) sayStale(error);
    wait = 3000;
  }
  isPolling = false;
  timer = setTimeout(poll, wait);
}

function sayStale(error) {
  const age = answeredAt === null ? null : Math.round((Date.now() - answeredAt) / 1000);
  const since = age === null ? "" : " What you see is " + age + " s old, from " + clock(answeredAt) + ".";
  setText(byId("stale"), error.message + since + (error.isSilence ? " Has it ended? This page goes on asking." : ""));
  show(byId("stale"), true);
  document.documentElement.classList.add("stale");
}

function take(body) {
  if (body.full) {
    known.rows = [];
    known.lines.clear();
    setText(byId("where"), body.where);
    document.title = "Freshet: " + body.where;
  }
  known.seq = body.seq;
  for (const line of body.lines || []) known.lines.set(line.id, line);
  if (body.lines) showLines(body.lines);
  if (body.series) {
    known.columns = body.series.columns;
    known.rows.push(...body.series.rows);
    const oldest = (known.rows.length ? known.rows[known.rows.length - 1][0] : 0) - secondsShown * 1000;
    while (known.rows.length && known.rows[0][0] < oldest) known.rows.shift();
    showCharts();
  }
  if (body.activity) showActivity(body.activity);
  if (body.lines) linesChanged(body.lines);
}

document.addEventListener("visibilitychange", poll);

// MARK: Lines

const levels = {
  ok: { word: "", name: "All right", path: "M5 12.5l4.5 4.5L19 7" },
  warning: { word: "Look: ", name: "Look at this", path: "M12 3L22 20H2zM12 10v4.5M12 17.2v.1" },
  bad: { word: "Act: ", name: "Act on this", path: "M8 2h8l6 6v8l-6 6H8l-6-6V8zM8.5 8.5l7 7M15.5 8.5l-7 7" },
  unknown: { word: "", name: "Not known", path: "M12 2.5a9.5 9.5 0 1 0 .01 0M8 12h8" },
};

function drawing(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function makeLine(line) {
  const path = drawing("path", {});
  const mark = drawing("svg", { class: "mark", viewBox: "0 0 24 24", "aria-hidden": "true" }, path);
  const level = make("span", { class: "visually-hidden" });
  const word = make("span", { class: "word", "aria-hidden": "true" });
  const text = make("span", {});
  const fix = make("p", { class: "fix", hidden: "" }, make("b", {}, "Fix: "), make("span", {}));
  const item = make(
    "li", { id: "line-" + line.id, tabindex: "-1" }, mark,
    make("div", {}, make("h3", {}, line.question), make("p", { class: "answer" }, level, word, text), fix));
  return { item, path, level, word, text, fix };
}

const lineParts = new Map();
function showLines(lines) {
  for (const line of lines) {
    if (line.id === "works") continue;
    if (!lineParts.has(line.id)) {
      lineParts.set(line.id, makeLine(line));
      byId("lines").append(lineParts.get(line.id).item);
    }
    const parts = lineParts.get(line.id);
    const level = levels[line.level] || levels.unknown;
    parts.item.setAttribute("data-level", line.level);
    parts.path.setAttribute("d", level.path);
    setText(parts.level, level.name + ". ");
    setText(parts.word, level.word);
    setText(parts.text, line.text);
    setText(parts.fix.lastChild, line.fix || "");
    show(parts.fix, Boolean(line.fix));
  }
  showVerdict();
}

/** The first line in large letters, and where else to look. */
function showVerdict() {
  const works = known.lines.get("works");
  if (!works) return;
  // Its figures change all the time: a screen reader is told when the level does.
  if (byId("verdict").getAttribute("data-level") !== works.level) setText(byId("announcement"), levels[works.level].name + ": " + works.text);
  byId("verdict").setAttribute("data-level", works.level);
  setText(byId("verdict-question"), works.question);
  setText(byId("verdict-text"), works.text);
  setText(byId("verdict-fix"), works.fix ? "Fix: " + works.fix : "");
  show(byId("verdict-fix"), Boolean(works.fix));
  showAttention([...known.lines.values()].filter((line) => line.id !== "works" && (line.level === "bad" || line.level === "warning")));
}

/** One link per line that is not green. They stay in place while they are wanted, so that none loses the focus. */
function showAttention(lines) {
  const box = byId("attention");
  if (box.childElementCount === 0) box.append(make("span", {}));
  setText(box.firstChild, lines.length === 1 ? "One more line needs a look: " : lines.length + " more lines need a look: ");
  const wanted = new Set(lines.map((line) => "#line-" + line.id));
  for (const link of [...box.querySelectorAll("a")]) {
    if (wanted.delete(link.getAttribute("href"))) continue;
    if (link === document.activeElement) byId("now").focus();
    link.remove();
  }
  for (const line of lines) {
    if (wanted.has("#line-" + line.id)) box.append(make("a", { href: "#line-" + line.id }, line.question));
  }
  show(box, lines.length > 0);
}

// MARK: Charts

const charts = [
  { title: "How far behind", unit: "s", least: 1, series: [{ column: "lag_seconds", words: (value) => value + " now" }] },
  {
    title: "Event to list", unit: "ms", least: 10,
    series: [
      { column: "p50_ms", name: "half", words: (value) => value + " for half of the events (solid)" },
      { column: "p99_ms", name: "99 of 100", words: (value) => value + " for 99 of 100 (dashed)" },
    ],
  },
  { title: "Events a second", unit: "", least: 10, series: [{ column: "events_per_second", words: (value) => value + " now" }] },
];

const number = (value) => value === null || value === undefined
  ? "–" : value.toLocaleString("en-GB", { maximumFractionDigits: Math.abs(value) < 10 ? 1 : 0 });
const withUnit = (value, unit) => value === null ? "not known" : unit === "ms" && value >= 1000
  ? number(value / 1000) + " s" : (number(value) + " " + unit).trim();
const clock = (milliseconds) => new Date(milliseconds).toLocaleTimeString("en-GB");

for (const chart of charts) {
  chart.now = make("span", {});
  chart.svg = drawing("svg", { role: "img" });
  byId("chart-row").append(make("figure", {}, make("figcaption", {}, chart.title, chart.now), chart.svg));
}

/** A round number at or above the value, so that the axis does not move with each sample. */
function ceiling(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((bound) => bound >= value);
}

function showCharts() {
  if (known.rows.length === 0) return;
  const end = known.rows[known.rows.length - 1][0];
  for (const chart of charts) draw(chart, end);
  if (!byId("charts-table").hidden) fillChartTable();
}

function draw(chart, end) {
  const width = Math.max(200, chart.svg.clientWidth), height = 144, left = 60, right = 8, top = 8, bottom = 22;
  const at = chart.series.map((series) => known.columns.indexOf(series.column));
  const values = known.rows.flatMap((row) => at.map((index) => row[index])).filter((value) => value !== null);
  const most = ceiling(Math.max(chart.least, ...values));
  const x = (time) => left + (width - left - right) * (1 - (end - time) / (secondsShown * 1000));
  const y = (value) => top + (height - top - bottom) * (1 - value / most);
  const newest = known.rows[known.rows.length - 1];
  const words = chart.series.map((series, index) => series.words(withUnit(newest[at[index]], chart.unit))).join(", ");
  setText(chart.now, words);
  const peak = values.length ? "The highest value is " + withUnit(Math.max(...values), chart.unit) + "." : "There are no values yet.";
  chart.svg.setAttribute("viewBox", "0 0 " + width + " " + height);
  const parts = [
    drawing("title", {}, chart.title + ", last 15 minutes"),
    drawing("desc", {}, words + ". " + peak),
  ];
  for (const share of [0, 0.5, 1]) {
    const line = y(most * share);
    parts.push(drawing("path", { class: "grid", d: "M" + left + " " + line + "H" + (width - right) }));
    parts.push(drawing("text", { class: "axis", x: left - 6, y: line + 4, "text-anchor": "end" }, withUnit(most * share, chart.unit)));
  }
  for (const [minutes, anchor, label] of [[15, "start", "15 min ago"], [0, "end", "now"]]) {
    parts.push(drawing("text", { class: "axis", x: x(end - minutes * 60000), y: height - 5, "text-anchor": anchor }, label));
  }
  chart.series.forEach((_, index) => {
    const name = index === 0 ? "first" : "second";
    for (const run of runs(at[index])) {
      const points = run.map((row) => x(row[0]).toFixed(1) + " " + y(row[at[index]]).toFixed(1));
      if (index === 0 && chart.series.length === 1) {
        const base = "L" + x(run[run.length - 1][0]).toFixed(1) + " " + y(0) + "L" + x(run[0][0]).toFixed(1) + " " + y(0) + "Z";
        parts.push(drawing("path", { class: "first-area", d: "M" + points.join("L") + base }));
      }
      parts.push(drawing("path", { class: name, d: "M" + points.join("L") }));
    }
    const last = newest[at[index]];
    if (last !== null) parts.push(drawing("circle", { class: "dot " + name, cx: x(newest[0]), cy: y(last), r: 3 }));
  });
  chart.svg.replaceChildren(...parts);
}

/** The stretches without a gap: a value that was not known, or seconds in which the engine did not run. */
function runs(column) {
  const found = [];
  let previous = null;
  for (const row of known.rows) {
    if (row[column] === null) { previous = null; continue; }
    if (previous === null || row[0] - previous > 5000) found.push([]);
    found[found.length - 1].push(row);
    previous = row[0];
  }
  return found;
}

function fillChartTable() {
  const minutes = new Map();
  for (const row of known.rows) minutes.set(Math.floor(row[0] / 60000), row);
  const columns = charts.flatMap((chart) => chart.series.map((series) => ({
    name: chart.title + (chart.unit ? ", " + chart.unit : "") + (series.name ? ", " + series.name : ""),
    index: known.columns.indexOf(series.column),
  })));
  const rows = [...minutes.values()].reverse().map((row) => [clock(row[0]), ...columns.map((column) => number(row[column.index]))]);
  const head = [{ text: "Time", isTime: true }, ...columns.map((column) => ({ text: column.name, isNumber: true }))];
  byId("charts-table").replaceChildren(table("One row per minute, newest first", head, rows));
}

byId("charts-table-button").addEventListener("click", (event) => {
  const isShown = byId("charts-table").hidden;
  show(byId("charts-table"), isShown);
  event.target.setAttribute("aria-expanded", String(isShown));
  setText(event.target, isShown ? "Hide the table" : "Show as table");
  if (isShown) fillChartTable();
});
window.addEventListener("resize", showCharts);
