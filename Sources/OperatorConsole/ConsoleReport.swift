import Telemetry

/// Answers the questions of an operator from facts. It has no clock and asks nobody.
public struct ConsoleReport: Sendable {
  let facts: ConsoleFacts

  public init(_ facts: ConsoleFacts) { self.facts = facts }

  /// One line per question, in their order.
  public var lines: [ConsoleLine] { ConsoleLine.Question.allCases.map(line) }

  public func line(_ question: ConsoleLine.Question) -> ConsoleLine {
    switch question {
    case .works: works
    case .behind: behind
    case .fresh: fresh
    case .arrives: arrives
    case .refused: refused
    case .good: good
    case .model: model
    case .training: training
    case .crash: crash
    case .redis: redis
    case .memory: memory
    case .changed: changed
    }
  }

  // MARK: Does it work?

  /// A start takes this long without being remarkable.
  private static let startSeconds = 60.0
  /// The loop reports five times a second.
  static let loopAgeSecondsMax = 5.0

  private var works: ConsoleLine {
    if let fatal = facts.fatal {
      return ConsoleLine(
        .works, .bad, "The engine has stopped: \(Wording.ended(fatal))",
        fix: "Resolve that and start `freshet serve` again; `freshet doctor` checks Kafka, Redis and the disk.")
    }
    guard facts.loopAgeSeconds < Self.loopAgeSecondsMax else {
      return ConsoleLine(
        .works, .bad, "The engine's loop has not run for \(Wording.seconds(facts.loopAgeSeconds)), so nothing is read or published.",
        fix: "If that lasts, restart the process: nothing that is in the log is lost. Keep the engine's log for a bug report.")
    }
    if let problem = facts.problems.first(where: \.isInTheWay) { return obstructed(problem) }
    if facts.memory.isPaused {
      return ConsoleLine(
        .works, .bad, "Nothing is read, because memory is above limits.max_rss. The lists stay as they are.",
        fix: "Raise limits.max_rss, or give the machine more memory.")
    }
    guard facts.model.epoch != nil else {
      return ConsoleLine(
        .works, .warning,
        "There is no model yet, so every reader gets the popular list.\(facts.training.next.map { " \(Wording.sentence($0))" } ?? "")",
        fix: facts.stream.events == 0 ? "Send events: `freshet produce FILE` streams a file of interactions." : nil)
    }
    return ConsoleLine(.works, .ok, "Serving. \(coverage)", figures: [.init("lag_seconds", number(facts.stream.lagSeconds))])
  }

  private var coverage: String {
    if let lag = facts.stream.lagSeconds, lag >= 0.05 || facts.stream.waitingUsers > 0 {
      return "Lists cover events up to \(Wording.seconds(lag)) ago."
    }
    return "Lists cover every event."
  }

  private func obstructed(_ problem: ConsoleFacts.Problem) -> ConsoleLine {
    if problem.name == "lag", let lag = facts.stream.lagSeconds {
      return ConsoleLine(
        .works, .bad, "Publishing, but the lists are \(Wording.seconds(lag)) behind the events.",
        fix: "See “\(ConsoleLine.Question.behind.text)” below.")
    }
    let (what, advice) = Self.parts(problem)
    if !facts.hasBeenReady, facts.uptimeSeconds < Self.startSeconds || problem.name == "replay" {
      return ConsoleLine(.works, .warning, "Starting since \(Wording.seconds(facts.uptimeSeconds)): \(Wording.ended(problem.message))")
    }
    return ConsoleLine(.works, .bad, "Not publishing: \(Wording.ended(what))", fix: advice.map(Wording.sentence))
  }

  /// What is wrong, and what to do: by the end of the sentence, or by the name of the check.
  private static func parts(_ problem: ConsoleFacts.Problem) -> (what: String, advice: String?) {
    if sentencesWithAdvice.contains(problem.name), let colon = problem.message.firstRange(of: ": ") {
      return (String(problem.message[..<colon.lowerBound]), String(problem.message[colon.upperBound...]))
    }
    return (problem.message, advice[problem.name])
  }

  /// Their sentences end with what to do, behind a colon.
  private static let sentencesWithAdvice: Set = ["kafka", "partitions", "redis"]

  private static let advice = [
    "kafka":
      "Check that the brokers of kafka.bootstrap_servers run and can be reached; `freshet doctor` tests it. Reading goes on by itself.",
    "redis": "Start Redis, or correct redis.url. Nothing is lost: the lists that changed are written when Redis answers.",
    "dead_letters": "Create the dead-letter topic, or let the engine write to it; input.on_error=skip goes on without it.",
    "schemas": "Check schema_registry.url and its permissions: records wait until their schema is there.",
    "items": "Create the topic of items.topic, or let the engine read it; without items.topic there is no catalogue.",
    "lag": "Check that Kafka answers; `freshet doctor` tests it.",
    "replay": "Wait: it ends by itself. If it makes no progress, check the leader of the partition.",
  ]

  // MARK: Figures

  func number(_ value: Double?) -> JSONValue { value.map { .number(($0 * 1000).rounded() / 1000) } ?? .null }
  func number(_ value: Int?) -> JSONValue { value.map { .integer($0) } ?? .null }

  func problems(_ names: String...) -> [ConsoleFacts.Problem] { facts.problems.filter { names.contains($0.name) } }
}
