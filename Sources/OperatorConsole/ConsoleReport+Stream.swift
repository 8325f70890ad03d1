import Telemetry

// Lag, freshness, arrivals, refusals.
extension ConsoleReport {
  // MARK: How far behind is it?

  /// From here on a lag is worth a look, although the engine counts as ready.
  private var lagWarningSeconds: Double { min(2, facts.stream.lagSecondsMax / 2) }

  var behind: ConsoleLine {
    let stream = facts.stream
    guard facts.loopAgeSeconds < Self.loopAgeSecondsMax else {
      return ConsoleLine(.behind, .unknown, "Not known: the newest figure is \(Wording.seconds(facts.loopAgeSeconds)) old.")
    }
    guard let seconds = stream.lagSeconds else {
      return ConsoleLine(.behind, .unknown, "Not known yet: Kafka has not told where the partitions end.")
    }
    let figures: [JSONValue.Member] = [
      .init("lag_seconds", number(seconds)), .init("lag_records", number(stream.lagRecords)),
      .init("trend", .string(stream.trend.rawValue)),
    ]
    guard seconds >= 0.05 || stream.trend == .rising else {
      return ConsoleLine(.behind, .ok, "Nothing waits to be read.", figures: figures)
    }
    let isLate = seconds > stream.lagSecondsMax
    let isSlow = seconds >= lagWarningSeconds && stream.trend != .falling
    var text = "\(Wording.seconds(seconds)), \(Wording.count(stream.lagRecords ?? 0, "record"))"
    if stream.trend != .unknown { text += ", \(stream.trend.rawValue)" }
    if let worst = stream.worst, worst.amount > 0 { text += "; furthest behind is \(worst.name) with \(Wording.count(worst.amount))" }
    let fix =
      stream.trend == .falling
      ? "Wait: it is catching up. ready.max_lag (\(Wording.seconds(stream.lagSecondsMax))) is how far behind counts as not ready."
      : "More arrives than is processed. Give the engine more processors and set foldin.workers, or slow the producers down."
    return ConsoleLine(.behind, isLate ? .bad : isSlow ? .warning : .ok, text + ".", fix: isLate || isSlow ? fix : nil, figures: figures)
  }

  // MARK: How fresh are the lists?

  private static let freshMillisecondsMax = 1000.0

  var fresh: ConsoleLine {
    let latency = facts.latency
    guard let half = latency.halfMilliseconds, let most = latency.mostMilliseconds else {
      return ConsoleLine(.fresh, .unknown, "No list was written in the last two minutes, so there is nothing to measure.")
    }
    var text = "Event to list: \(Wording.milliseconds(half)) for half of the events, \(Wording.milliseconds(most)) for 99 of 100."
    if let before = latency.mostMillisecondsBefore, before > most * 2 {
      text += " At worst \(Wording.milliseconds(before)) in the last 15 minutes."
    }
    let isSlow = most > Self.freshMillisecondsMax
    return ConsoleLine(
      .fresh, isSlow ? .warning : .ok, text,
      fix: isSlow
        ? "See whether the lag rises, whether a training takes the processors (retrain.threads), and whether Redis answers slowly." : nil,
      figures: [.init("p50_ms", number(half)), .init("p99_ms", number(most))])
  }

  // MARK: Does anything arrive?

  private static let silenceSeconds = 300.0

  var arrives: ConsoleLine {
    let stream = facts.stream
    let topics = stream.topics.map { "`\($0)`" }.joined(separator: ", ")
    guard stream.events > 0 else {
      let isNew = facts.uptimeSeconds < 60
      return ConsoleLine(
        .arrives, isNew ? .unknown : .warning, "Nothing has arrived from \(topics) since the start.",
        fix: isNew ? nil : "Check that a producer writes to \(topics), or send a file with `freshet produce FILE`.")
    }
    let rate = stream.eventsPerSecond ?? 0
    var figures: [JSONValue.Member] = [.init("events_per_second", number(rate))]
    figures.append(.init("last_event_age_seconds", number(stream.lastEventAgeSeconds)))
    let age = stream.lastEventAgeSeconds.map(Wording.seconds)
    let before = stream.eventsPerSecondHourAgo.map { "an hour ago it was \(Wording.rate($0))" }
    if rate == 0, let seconds = stream.lastEventAgeSeconds, let age {
      let isSilent = seconds > Self.silenceSeconds
      return ConsoleLine(
        .arrives, isSilent ? .warning : .ok, "Nothing now; the newest event is \(age) old\(before.map { ", and \($0)" } ?? "").",
        fix: isSilent ? "If that is not expected, check the producers and the topic \(topics); `freshet doctor` reads it." : nil,
        figures: figures)
    }
    let types = problems("types").first
    return ConsoleLine(
      .arrives, types == nil ? .ok : .warning,
      types.map { Wording.sentence($0.message) } ?? "\(Wording.rate(rate))\(before.map { "; \($0)" } ?? "").",
      fix: types == nil ? nil : "Give the type a weight in input.weights, or set input.unknown_type=apply.", figures: figures)
  }

  // MARK: What is refused?

  private static let reasonsShown = 3

  var refused: ConsoleLine {
    let records = facts.records
    let rejected = records.rejected.reduce(0) { $0 + $1.recent }
    let share = records.recent == 0 ? 0 : Double(rejected) / Double(records.recent)
    let figures: [JSONValue.Member] = [
      .init("rejected", .integer(rejected)), .init("records", .integer(records.recent)), .init("minutes", .integer(records.minutes)),
    ]
    if let held = problems("dead_letters").first {
      return ConsoleLine(.refused, .bad, Wording.sentence(held.message), figures: figures)
    }
    let span = "the last \(records.minutes) minutes"
    if rejected > 0 {
      let worst = records.rejected.filter { $0.recent > 0 }.sorted { ($1.recent, $0.name) < ($0.recent, $1.name) }
      let reasons = worst.prefix(Self.reasonsShown).map { "\($0.name) \(Wording.count($0.recent))" }.joined(separator: ", ")
      let example = worst.first?.example.map { " Newest example: \(Wording.ended($0))" } ?? ""
      let text =
        "\(Wording.count(rejected)) of \(Wording.count(records.recent, "record")) in \(span), \(Wording.share(share)): \(reasons).\(example)"
      let isRare = share < 0.01
      return ConsoleLine(
        .refused, share >= 0.5 ? .bad : isRare ? .ok : .warning, text,
        fix: isRare
          ? nil : "Did a producer change its format? See “Refused records” below; `freshet validate` checks a record before it is sent.",
        figures: figures)
    }
    if let keys = problems("keys").first {
      return ConsoleLine(
        .refused, .warning, Wording.sentence(keys.message), fix: "The producer must send the user's id as the key of the record.",
        figures: figures)
    }
    let ignored = records.ignored.reduce(0) { $0 + $1.recent }
    let total = records.rejectedSinceStart
    return ConsoleLine(
      .refused, .ok,
      "Nothing in \(span)\(ignored > 0 ? "; \(Wording.count(ignored)) of \(Wording.count(records.recent)) were ignored" : "")"
        + "\(total > 0 ? "; \(Wording.count(total)) since the start" : "").", figures: figures)
  }
}
