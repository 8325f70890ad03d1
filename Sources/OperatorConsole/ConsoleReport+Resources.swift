import Telemetry

// Redis, memory, and what people did.
extension ConsoleReport {
  private static let fullShare = 0.95
  private static let nearShare = 0.8
  private static let daysShown = 60.0

  // MARK: Will Redis hold?

  var redis: ConsoleLine {
    let server: ConsoleFacts.Redis.Server
    switch facts.redis {
    case .unknown(let why): return ConsoleLine(.redis, .unknown, "Not known: \(Wording.ended(why))")
    case .known(let found): server = found
    }
    let perUser = server.users > 0 ? ", \(Wording.bytes(server.usedBytes / server.users)) for each known user" : ""
    let figures: [JSONValue.Member] = [
      .init("used_bytes", .integer(server.usedBytes)), .init("limit_bytes", .integer(server.limitBytes)),
      .init("policy", .string(server.policy)),
    ]
    guard server.limitBytes > 0 else {
      return ConsoleLine(
        .redis, .ok, "It uses \(Wording.bytes(server.usedBytes))\(perUser). It has no limit (maxmemory 0) and takes what the machine has.",
        figures: figures)
    }
    let share = Double(server.usedBytes) / Double(server.limitBytes)
    let left = server.bytesPerDay.map { Double(server.limitBytes - server.usedBytes) / $0 }
    var text =
      "It uses \(Wording.bytes(server.usedBytes)) of \(Wording.bytes(server.limitBytes)) (\(Wording.percent(share)), \(server.policy))\(perUser)"
    if let left, left < Self.daysShown { text += "; full in \(Wording.seconds(max(0, left) * 86_400)) at this growth" }
    let whenFull =
      server.policy == "noeviction"
      ? "When it is full, no list can be written." : "When it is full, Redis removes lists, and their users get the popular one."
    // A policy that may remove keys without an expiry can take the model's vectors.
    let isUnsafe = server.policy.hasPrefix("allkeys")
    let isFull = share >= Self.fullShare
    let isNear = share >= Self.nearShare || (left ?? .infinity) < 3 || isUnsafe
    let fix =
      isFull || !isUnsafe || share >= Self.nearShare
      ? "Raise maxmemory, or shorten publish.ttl so that lists of users who do not come back expire sooner. \(whenFull)"
      : "Set maxmemory-policy to noeviction (or volatile-lfu, if lists may be missing): \(server.policy) may remove the model itself."
    return ConsoleLine(
      .redis, isFull ? .bad : isNear ? .warning : .ok, text + ".", fix: isFull || isNear ? fix : nil, figures: figures)
  }

  // MARK: Will memory hold?

  var memory: ConsoleLine {
    let memory = facts.memory
    guard let used = memory.residentBytes else { return ConsoleLine(.memory, .unknown, "Not known: this system does not tell.") }
    var text = "The engine uses \(Wording.bytes(used))"
    var figures: [JSONValue.Member] = [.init("resident_bytes", .integer(used))]
    var share = 0.0
    var left: Double?
    if let limit = memory.limit {
      share = Double(used) / Double(limit.bytes)
      left = memory.bytesPerDay.map { Double(limit.bytes - used) / $0 }
      text += " of \(Wording.bytes(limit.bytes)) (\(Wording.percent(share)), \(limit.kind.rawValue))"
      figures.append(.init("limit_bytes", .integer(limit.bytes)))
    }
    let parts = memory.parts.filter { $0.amount > 0 }.sorted { $0.amount > $1.amount }
    if !parts.isEmpty { text += "; \(parts.map { "\($0.name) \(Wording.bytes($0.amount))" }.joined(separator: ", "))" }
    if let left, left < Self.daysShown { text += "; full in \(Wording.seconds(max(0, left) * 86_400)) at this growth" }
    let isFull = share >= Self.fullShare || memory.isPaused
    let isNear = share >= Self.nearShare || (left ?? .infinity) < 3
    let fix = "Raise the limit, or keep less: model.history_per_user, model.seen_per_user and model.factors decide what a user takes."
    return ConsoleLine(
      .memory, isFull ? .bad : isNear ? .warning : .ok, text + ".", fix: isFull || isNear ? fix : nil, figures: figures)
  }

  // MARK: Who changed what?

  var changed: ConsoleLine {
    let byHand = facts.activity.filter { $0.who != .engine }
    guard let newest = byHand.first else {
      return ConsoleLine(.changed, .ok, "Nobody has changed anything since the start \(Wording.seconds(facts.uptimeSeconds)) ago.")
    }
    let age = Double(max(0, facts.nowMilliseconds - newest.atMilliseconds)) / 1000
    let others = byHand.count > 1 ? " \(Wording.count(byHand.count - 1, "more entry", "more entries")) below." : ""
    return ConsoleLine(.changed, .ok, "\(newest.text) \(newest.who.text), \(Wording.seconds(age)) ago.\(others)")
  }
}
