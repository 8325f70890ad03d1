// Tables, look-ups, refused records, models and activity.

/** A table with one row per entry of `rows`. On a phone the rows of a table with class `cards` become cards. */
function table(caption, head, rows, name = "cards") {
  const of = (column) => (column.isNumber ? "number" : column.isTime ? "time" : null);
  return make(
    "table", { class: name }, make("caption", {}, caption),
    make("thead", {}, make("tr", {}, head.map((column) => make("th", { scope: "col", class: of(column) }, column.text)))),
    make("tbody", {}, rows.map((row) => make(
      "tr", {}, row.map((cell, index) => make("td", { class: of(head[index]), "data-label": head[index].text }, make("span", {}, cell)))))));
}

/** A table that scrolls when it is long, and can be scrolled by keyboard. */
function longTable(caption, head, rows, name = null) {
  return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, table(caption, head, rows, name));
}

function when(milliseconds) {
  if (!milliseconds) return "–";
  const date = new Date(milliseconds);
  if (date.toDateString() === new Date().toDateString()) return clock(milliseconds);
  return date.toLocaleString("en-GB", { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });
}

function seconds(value) {
  if (value < 90) return number(value) + " s";
  return value < 5400 ? number(value / 60) + " min" : number(value / 3600) + " h";
}

const paragraph = (text, name = null) => make("p", { class: name }, text);

/** An item with its title; pressing it looks the item up. */
function named(entry) {
  const button = make("button", { type: "button", class: "link" }, make("code", {}, entry.item), entry.title ? " " + entry.title : "");
  button.addEventListener("click", () => {
    byId("item-id").value = entry.item;
    byId("item-form").requestSubmit();
    byId("item").scrollIntoView({ block: "nearest" });
  });
  return button;
}

// MARK: User and item

function lookUp(kind, present) {
  const answer = byId(kind + "-answer");
  let turn = 0;
  byId(kind + "-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const mine = ++turn;
    const id = byId(kind + "-id").value;
    answer.replaceChildren(paragraph("Looking up…", "note"));
    try {
      const { body } = await request("/v1/console/" + kind + "?id=" + encodeURIComponent(id));
      if (mine === turn) answer.replaceChildren(...present(body));
    } catch (error) {
      if (mine === turn) answer.replaceChildren(paragraph(error.message, "wrong"));
    }
  });
}

const rank = { text: "#", isNumber: true };
const score = { text: "Score", isNumber: true };
const digits = (value) => value.toLocaleString("en-GB", { minimumFractionDigits: 3, maximumFractionDigits: 3 });

function listTable(caption, list) {
  const rows = list.items.map((entry, index) => [String(index + 1), named(entry), digits(entry.score)]);
  return longTable(caption, [rank, { text: "Item" }, score], rows);
}

/** The list of a user, with a button at each item that tells why it is there. */
function explainedList(found) {
  const answer = make("div", { class: "why", "aria-live": "polite" });
  const rows = found.list.items.map((entry, index) => {
    const button = make("button", { type: "button", class: "link", "aria-label": "Why " + (entry.title || entry.item) }, "Why?");
    button.addEventListener("click", () => explain(found.user, entry.item, answer));
    return [String(index + 1), named(entry), digits(entry.score), button];
  });
  return [longTable(found.list.text, [rank, { text: "Item" }, score, { text: "Why" }], rows), answer];
}

async function explain(user, item, answer) {
  answer.replaceChildren(paragraph("Asking the engine…", "note"));
  try {
    const { body } = await request("/v1/console/why?user=" + encodeURIComponent(user) + "&item=" + encodeURIComponent(item));
    const kinds = { history: "history", follows: "sequence" };
    const rows = body.parts.map((part) => [named(part), kinds[part.kind] || part.kind, digits(part.score)]);
    answer.replaceChildren(
      ...body.text.map((sentence) => paragraph(sentence)),
      rows.length ? longTable("What adds to the score, largest first", [{ text: "Item" }, { text: "How" }, { text: "Adds", isNumber: true }], rows) : "");
  } catch (error) {
    answer.replaceChildren(paragraph(error.message, "wrong"));
  }
}

lookUp("user", (found) => [
  ...found.text.map((sentence) => paragraph(sentence)),
  ...(found.problem ? [paragraph(found.problem, "wrong")] : []),
  ...(found.list ? [make("h3", {}, "What readers get"), ...explainedList(found)] : []),
  ...(found.history.length
    ? [make("h3", {}, "Newest history"), longTable(
      "The newest items that this user acted on", [{ text: "Item" }, { text: "Strength", isNumber: true }, { text: "Time", isTime: true }],
      found.history.map((entry) => [named(entry), number(entry.strength), when(entry.at_ms)]))]
    : []),
]);

lookUp("item", (found) => [
  ...found.text.map((sentence) => paragraph(sentence)),
  ...(found.problem ? [paragraph(found.problem, "wrong")] : []),
  ...(found.similar ? [make("h3", {}, "Similar items"), listTable(found.similar.text, found.similar)] : []),
]);

// MARK: Refused records

async function loadRecords() {
  try {
    const { body } = await request("/v1/status");
    const records = body.records;
    const kinds = [["rejected", "Rejected"], ["ignored", "Ignored"], ["key_mismatch", "Wrong key"]];
    const rows = kinds.flatMap(([kind, name]) => records[kind].reasons.map((entry) => [
      name, make("code", {}, entry.reason), number(entry.recent), number(entry.total),
      entry.example
        ? [make("code", {}, entry.example.topic + "[" + entry.example.partition + "] offset " + entry.example.offset), ": " + entry.example.message]
        : "–",
    ]));
    byId("records-answer").replaceChildren(rows.length === 0
      ? paragraph("No record was refused or ignored since the start.", "note")
      : table(
        "Since the start; rejected records are also in the dead-letter topic",
        [{ text: "What" }, { text: "Reason" }, { text: records.window_minutes + " min", isNumber: true }, { text: "All", isNumber: true },
          { text: "Newest example" }],
        rows));
  } catch (error) {
    byId("records-answer").replaceChildren(paragraph(error.message, "wrong"));
  }
}

// MARK: Models

const results = { accepted: "in use", rejected: "refused", failed: "failed", cancelled: "cancelled" };

async function loadModels() {
  try {
    const { body } = await request("/v1/models");
    const rows = body.models.slice(0, 20).map((model) => [
      model.epoch === null ? "–" : String(model.epoch), when(model.ended_ms),
      (results[model.result] || model.result) + (model.message ? ": " + model.message : ""), model.reason,
      seconds(Object.values(model.seconds).reduce((sum, value) => sum + value, 0)),
      model.recall_at_20_new === null ? "–" : digits(model.recall_at_20_new),
      model.recall_at_20_old === null ? "–" : digits(model.recall_at_20_old),
      number(model.interactions),
    ]);
    byId("models-answer").replaceChildren(rows.length === 0
      ? paragraph("No model was trained yet.", "note")
      : table(
        "The latest retrains, newest first. Recall at 20 is measured on the newest interactions, which the new model did not see.",
        [{ text: "Epoch", isNumber: true }, { text: "Ended", isTime: true }, { text: "Result" }, { text: "Why" }, { text: "Took", isNumber: true },
          { text: "Recall", isNumber: true }, { text: "Model before", isNumber: true }, { text: "Pairs", isNumber: true }],
        rows));
  } catch (error) {
    byId("models-answer").replaceChildren(paragraph(error.message, "wrong"));
  }
}

let job = null;
byId("retrain").addEventListener("click", async () => {
  byId("retrain").disabled = true;
  sayJob("Asking for a retrain…", 0);
  try {
    const { body } = await request("/v1/retrain", { method: "POST" }, [409]); // 409: one runs already.
    job = body.job;
    followJob();
  } catch (error) {
    endJob(error.message);
  }
});
byId("cancel").addEventListener("click", async () => {
  try {
    await request("/v1/jobs/" + encodeURIComponent(job), { method: "DELETE" });
  } catch (error) {
    sayJob(error.message, byId("job-progress").value);
  }
});

function sayJob(text, ratio) {
  show(byId("job"), true);
  if (byId("cancel").hidden && document.activeElement === byId("cancel")) byId("models").focus();
  setText(byId("job-text"), text);
  byId("job-progress").value = ratio;
}

function endJob(text) {
  sayJob(text, byId("job-progress").value);
  show(byId("job-progress"), false);
  if (document.activeElement === byId("cancel")) byId("retrain").focus();
  show(byId("cancel"), false);
  byId("retrain").disabled = false;
  job = null;
}

async function followJob() {
  try {
    const { body } = await request("/v1/jobs/" + encodeURIComponent(job));
    if (body.state === "running") {
      show(byId("job-progress"), true);
      show(byId("cancel"), !["snapshot", "publish", "lists"].includes(body.phase));
      const line = known.lines.get("training");
      sayJob(line && line.figures.phase ? line.text : "Training: " + body.phase + ".", body.ratio);
      setTimeout(followJob, 1000);
      return;
    }
    const epoch = body.result && body.result.epoch !== null ? " Epoch " + body.result.epoch + " is in use." : "";
    const outcome = { done: "The retrain is done." + epoch, rejected: "The new model was refused.", failed: "The retrain failed.", cancelled: "The retrain was cancelled." };
    endJob((outcome[body.state] || body.state) + (body.message ? " " + body.message : ""));
    loadModels();
  } catch (error) {
    endJob(error.message);
  }
}

// MARK: Activity

function showActivity(entries) {
  const rows = entries.map((entry) => [when(entry.at_ms), entry.text, entry.who]);
  byId("activity-answer").replaceChildren(rows.length === 0
    ? paragraph("Nothing has happened since the start.", "note")
    : longTable("Newest first", [{ text: "Time", isTime: true }, { text: "What" }, { text: "Who" }], rows, "cards"));
}

/** The tables below are read again when the lines that summarise them change. */
const dependents = [{ lines: ["refused", "arrives"], load: loadRecords }, { lines: ["model", "training"], load: loadModels }];
function linesChanged(lines) {
  const changed = new Set(lines.map((line) => line.id));
  for (const dependent of dependents) {
    if (!dependent.lines.some((id) => changed.has(id)) || dependent.waits) continue;
    dependent.waits = true;
    const wait = Math.max(0, (dependent.loadedAt || 0) + 5000 - Date.now());
    setTimeout(() => {
      dependent.waits = false;
      dependent.loadedAt = Date.now();
      if (!document.hidden) dependent.load();
    }, wait);
  }
}

poll();
