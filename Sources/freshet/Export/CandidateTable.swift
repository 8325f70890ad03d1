import StreamingRecommender

/// Rows of candidates as of one state of an engine: the one way in which features are made, to learn from them and to rank with them.
struct CandidateTable {
  struct Settings {
    /// Candidates of each user.
    var count = 100
    /// How far back recent interactions go from the newest event.
    var recentMilliseconds: Int64 = 30 * Self.day
    fileprivate static let day: Int64 = 86_400_000
  }

  /// What came after the state, for training: the name of the part, and by user the items that came first then.
  struct Outcome {
    let part: String
    let heldOut: [Identifier: Set<Identifier>]
  }

  let settings: Settings
  private let outcome: Outcome?
  private(set) var users = 0
  /// Users that are left out because they have no candidates, or are not known.
  private(set) var usersWithout = 0

  /// - Parameter outcome: `nil` if it is not known yet.
  init(_ settings: Settings, outcome: Outcome? = nil) {
    self.settings = settings
    self.outcome = outcome
  }

  static let columns: [ExportKind.Column] =
    [
      .init(name: "part", type: .text), .init(name: "user", type: .text), .init(name: "item", type: .text),
      .init(name: "time", type: .time),
      .init(name: "label", type: .integer, isNullable: true), .init(name: "held_out", type: .integer, isNullable: true),
      .init(name: "score", type: .float), .init(name: "rank", type: .integer, isNullable: true),
      .init(name: "als_score", type: .float), .init(name: "als_rank", type: .integer, isNullable: true),
      .init(name: "transitions_score", type: .float, isNullable: true), .init(name: "transitions_rank", type: .integer, isNullable: true),
      .init(name: "trend_score", type: .float, isNullable: true), .init(name: "trend_rank", type: .integer, isNullable: true),
      .init(name: "popularity_rank", type: .integer, isNullable: true),
    ] + activity("item") + activity("user")

  private static func activity(_ of: String) -> [ExportKind.Column] {
    [
      .init(name: "\(of)_interactions", type: .integer), .init(name: "\(of)_recent", type: .integer),
      .init(name: "\(of)_age_days", type: .float, isNullable: true), .init(name: "\(of)_idle_days", type: .float, isNullable: true),
    ]
  }

  /// Hands over the rows, user by user.
  ///
  /// - Parameter users: ids; `nil` for all users.
  mutating func rows(
    of engine: inout RecommenderEngine, users ids: [[UInt8]]?, workers: Int, _ body: ([ExportValue]) throws -> Void
  ) throws {
    guard let model = engine.model else {
      throw CommandFailure("there is no model yet, so there are no candidates; popular and interactions can be exported without one")
    }
    let now = engine.state.users.newestTimeMilliseconds
    let moment = now - settings.recentMilliseconds
    let items = engine.state.itemActivities(recentSince: moment)
    let sources = CandidateSources(engine, count: settings.count, users: items.map(\.interactions))
    let scratch = EngineScratch(factors: model.factors, workers: workers)
    let known = Self.users(of: engine, ids)
    usersWithout += (ids?.count ?? known.count) - known.count
    for start in stride(from: 0, to: known.count, by: ExportSource.slice) {
      let slice = Array(known[start..<min(start + ExportSource.slice, known.count)])
      engine.foldIn(slice, scratch)
      for (user, candidates) in zip(slice, engine.candidates(of: slice, sources, scratch)) {
        if candidates.isEmpty { usersWithout += 1 } else { users += 1 }
        let name = engine.state.users.name(user)
        let heldOut = outcome.map { $0.heldOut[Identifier(name)] ?? [] }
        let ofUser = Self.values(engine.state.activity(of: user, recentSince: moment), now)
        for candidate in candidates {
          let item = engine.state.catalogue.items.name(candidate.item)
          let head: [ExportValue] = [
            .text(outcome?.part ?? "inference"), .text(name), .text(item), .time(now),
            .integer(heldOut.map { $0.contains(Identifier(item)) ? 1 : 0 }), .integer(heldOut?.count),
          ]
          try body(head + Self.values(candidate) + Self.values(items[Int(candidate.item)], now) + ofUser)
        }
      }
    }
  }

  private static func users(of engine: RecommenderEngine, _ ids: [[UInt8]]?) -> [UserReference] {
    ids?.compactMap { engine.state.users.find($0) } ?? engine.state.users.references.filter { engine.state.users.isPresent($0) }
  }

  private static func values(_ candidate: Candidate) -> [ExportValue] {
    [
      .float(candidate.score), .integer(candidate.rank), .float(candidate.als), .integer(candidate.alsRank), .float(candidate.transitions),
      .integer(candidate.transitionsRank), .float(candidate.trend), .integer(candidate.trendRank), .integer(candidate.popularityRank),
    ]
  }

  private static func values(_ activity: Activity, _ now: Int64) -> [ExportValue] {
    func days(_ moment: Int64?) -> ExportValue { .float(moment.map { Float(Double(now - $0) / Double(Settings.day)) }) }
    return [
      .integer(activity.interactions), .integer(activity.recent), days(activity.firstMilliseconds), days(activity.lastMilliseconds),
    ]
  }
}
