import Telemetry

// Quality, the model, trainings, snapshots.
extension ConsoleReport {
  // MARK: Are the lists good?

  var good: ConsoleLine {
    let model = facts.model
    guard model.epoch != nil else { return ConsoleLine(.good, .unknown, "Not known: there is no model yet.") }
    if let live = liveLine { return live }
    guard let recall = model.recall else {
      return ConsoleLine(.good, .unknown, "Not measured yet: a retrain needs enough new events to compare two models on them.")
    }
    var text =
      "\(Wording.share(recall)) of the newest actions were among the first 20 recommended, measured before the model had seen them"
    if let before = model.recallBefore { text += "; the model before had \(Wording.share(before))" }
    if let epoch = model.recallEpoch, epoch != model.epoch {
      text += ". That was epoch \(epoch); later there were too few new events to compare"
    }
    let isWorse = model.recallBefore.map { recall < $0 * 0.95 } ?? false
    return ConsoleLine(
      .good, isWorse ? .warning : .ok, text + ".",
      fix: isWorse
        ? "Compare the retrains under “Models”: did the data change, or model settings? `freshet tune` searches for better ones." : nil,
      figures: [.init("recall_at_20", number(recall)), .init("recall_at_20_before", number(model.recallBefore))])
  }

  /// Events below which a rate says little.
  private static let liveEventsMin = 100
  /// Events of each day below which two days are not compared.
  private static let liveEventsToCompare = 1000

  /// The lists that stood, judged by the events that came; `nil` while there are too few.
  private var liveLine: ConsoleLine? {
    let (live, before) = (facts.model.live, facts.model.liveBefore)
    guard live.events >= Self.liveEventsMin, let hits = live.hits else { return nil }
    var text = "Of the items that users first used in the last 24 hours, \(Wording.share(hits)) were among the first 10 recommended to them"
    if let popular = live.popularHits { text += "; the popular items alone had \(Wording.share(popular))" }
    if before.events >= Self.liveEventsMin, let rate = before.hits { text += ", the day before \(Wording.share(rate))" }
    text += ". Judged on \(Wording.count(live.events, "event")) of sampled users."
    if let rate = facts.model.clickThrough { text += " Of the items seen in answers, \(Wording.share(rate)) were used." }
    if let arms = facts.model.arms { text += " Experiment: \(Wording.ended(arms))" }
    if let shadow = facts.model.shadow { text += " Shadow model: \(Wording.ended(shadow))" }
    let isBelowPopular = live.popularHits.map { hits < $0 } ?? false
    let areEnough = min(before.events, live.events) >= Self.liveEventsToCompare
    let isWorse = areEnough && hits < (before.hits ?? 0) * 0.8
    let fix =
      isBelowPopular
      ? "The popular items do better than the model: is the right type of event weighted (input.weights)? `freshet tune` searches for settings."
      : isWorse ? "Compare the retrains under “Models”; `freshet models rollback` returns to an earlier one." : nil
    return ConsoleLine(
      .good, fix == nil ? .ok : .warning, text, fix: fix,
      figures: [
        .init("live_hit_rate_at_10", number(hits)), .init("live_hit_rate_at_10_before", number(before.hits)),
        .init("popular_hit_rate_at_10", number(live.popularHits)), .init("recall_at_20", number(facts.model.recall)),
      ])
  }

  // MARK: Which model, since when, and why?

  var model: ConsoleLine {
    let model = facts.model
    guard let epoch = model.epoch else {
      return ConsoleLine(
        .model, facts.stream.events == 0 ? .unknown : .warning,
        "None yet.\(facts.training.phase != nil ? " The first one is being trained." : facts.training.next.map { " \(Wording.sentence($0))" } ?? "")"
      )
    }
    var text = "Epoch \(epoch)"
    if let age = model.ageSeconds { text += ", trained \(Wording.seconds(age)) ago" }
    if let reason = model.reason { text += " (\(reason))" }
    if let churn = model.churn { text += ", which changed \(Wording.share(churn)) of the items in lists" }
    let hidden = model.hiddenItems > 0 ? " (\(Wording.count(model.hiddenItems)) left out of lists)" : ""
    text += ". It holds \(Wording.count(model.users, "user")), \(Wording.count(model.items, "item"))\(hidden), "
    text += "\(Wording.count(model.pairs, "pair"))."
    if let base = model.rolledBackTo { text += " It was rolled back to epoch \(base), and retrains do not start by themselves." }
    return ConsoleLine(
      .model, model.rolledBackTo == nil ? .ok : .warning, text,
      fix: model.rolledBackTo == nil ? nil : "Once the cause is fixed: `freshet retrain`, or `freshet retrain --resume`.",
      figures: [.init("epoch", .integer(epoch)), .init("age_seconds", number(model.ageSeconds.map { $0.rounded() }))])
  }

  // MARK: Is a training running, and is it stuck?

  private static let stuckSeconds = 300.0

  var training: ConsoleLine {
    let training = facts.training
    if let phase = training.phase { return running(phase) }
    let next = training.next.map { " The next: \(Wording.ended($0))" } ?? ""
    guard let last = training.last else { return ConsoleLine(.training, .ok, "None is running.\(next)") }
    let ended = "\(Wording.seconds(last.ageSeconds)) ago"
    let why = last.message.map { ": \(Wording.ended($0))" } ?? "."
    let figures: [JSONValue.Member] = [.init("last_seconds", number(last.seconds))]
    switch last.outcome {
    case .accepted:
      return ConsoleLine(
        .training, .ok, "None is running; the last took \(Wording.seconds(last.seconds)) and ended \(ended).\(next)", figures: figures)
    case .cancelled: return ConsoleLine(.training, .ok, "None is running; the last was cancelled \(ended).\(next)", figures: figures)
    case .refused:
      return ConsoleLine(
        .training, .warning, "The model trained \(ended) was refused\(why) The one before stays in use.\(next)",
        fix: "Look at the newest data. If the loss is acceptable, raise retrain.max_quality_drop, or set retrain.on_quality_drop=accept.",
        figures: figures)
    case .failed:
      return ConsoleLine(
        .training, .warning, "The last training failed \(ended)\(why)\(next)",
        fix: "See the engine's log; a retrain can be asked for below.",
        figures: figures)
    }
  }

  /// What the phases of a retrain do, by the names that jobs have for them.
  private static let phases = [
    "waiting": "waiting for its turn", "rows": "gathering the histories", "train": "fitting the factors",
    "judge": "comparing it with the model in use", "refine": "adding the newest events", "fold-in": "computing every user",
    "load": "reading the stored model", "churn": "comparing lists", "item prior": "learning from documents",
    "snapshot": "writing a snapshot", "publish": "publishing the item vectors", "lists": "writing every user's list",
  ]

  private func running(_ phase: String) -> ConsoleLine {
    let training = facts.training
    var text = "Training: \(Self.phases[phase] ?? phase), \(Int((training.ratio * 100).rounded(.down))) %"
    if training.ratio < 0.98, let seconds = training.runningSeconds, training.ratio > 0.05 {
      text += ", about \(Wording.seconds(seconds * (1 - training.ratio) / training.ratio)) left"
    }
    if let last = training.last { text += "; the last took \(Wording.seconds(last.seconds))" }
    let figures: [JSONValue.Member] = [.init("ratio", number(training.ratio)), .init("phase", .string(phase))]
    guard let still = training.unchangedSeconds, still > max(Self.stuckSeconds, training.last?.seconds ?? 0) else {
      return ConsoleLine(.training, .ok, text + ".", figures: figures)
    }
    return ConsoleLine(
      .training, .warning, "\(text). It has made no progress for \(Wording.seconds(still)).",
      fix: "Check whether the machine has a processor to spare. Cancel it under “Models”; retrain.max_duration ends such trainings.",
      figures: figures)
  }

  // MARK: What would a crash cost?

  var crash: ConsoleLine {
    let snapshot = facts.snapshot
    let restart = snapshot.recordsBehind.map { records -> String in
      let time = snapshot.replayPerSecond.map { ", about \(Wording.seconds(Double(records) / $0))" } ?? ""
      return records == 0 ? "a restart reads nothing again" : "a restart reads \(Wording.count(records, "record")) again\(time)"
    }
    let figures: [JSONValue.Member] = [
      .init("snapshot_age_seconds", number(snapshot.ageSeconds.map { $0.rounded() })), .init("records", number(snapshot.recordsBehind)),
    ]
    if let problem = snapshot.problem {
      return ConsoleLine(
        .crash, .bad, "Snapshots cannot be written, so a restart reads more and more: \(Wording.ended(problem))",
        fix: "Make room and check the permissions of snapshot.dir; the next try is made by itself.", figures: figures)
    }
    guard let restart else {
      let isEarly = facts.uptimeSeconds < 3 * snapshot.intervalSeconds || facts.stream.events == 0
      return ConsoleLine(
        .crash, isEarly ? .ok : .warning, "There is no snapshot yet: a restart reads the log from its beginning.",
        fix: isEarly ? nil : "Ask for one with `freshet snapshot`, and look into the engine's log.", figures: figures)
    }
    let age = snapshot.ageSeconds.map { "The last snapshot is \(Wording.seconds($0)) old; " } ?? ""
    let isLate = (snapshot.ageSeconds ?? 0) > 3 * snapshot.intervalSeconds && (snapshot.recordsBehind ?? 0) > 0
    return ConsoleLine(
      .crash, isLate ? .warning : .ok, Wording.sentence(age + restart),
      fix: isLate ? "Snapshots are due every \(Wording.seconds(snapshot.intervalSeconds)). Is the disk slow? See the engine's log." : nil,
      figures: figures)
  }
}
