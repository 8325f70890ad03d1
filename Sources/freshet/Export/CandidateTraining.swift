import Datasets
import Evaluation
import Foundation
import StreamingRecommender
import Telemetry

/// Candidates with labels from a file, cut by time: for each part an engine that knows only what was before its cut.
struct CandidateTraining: ExportRows {
  fileprivate struct Done {
    let part: CandidateSplit.Part
    let table: CandidateTable
  }

  private let context: CommandContext
  private let configuration: RecommenderConfiguration
  private let settings: CandidateTable.Settings
  private let users: [[UInt8]]?
  private let split: CandidateSplit
  private var done: [Done] = []

  init(
    _ context: CommandContext, _ configuration: RecommenderConfiguration, _ settings: CandidateTable.Settings, users: [[UInt8]]?
  ) throws {
    (self.context, self.configuration, self.settings, self.users) = (context, configuration, settings, users)
    let shares = try Self.shares(context)
    let path = context.options.string("data")!
    let interactions = try Self.read(path, context)
    do { split = try CandidateSplit(interactions, shares: shares) } catch { throw CommandFailure("\(path): \(error)") }
  }

  private static func shares(_ context: CommandContext) throws -> (Double, Double) {
    let text = context.options.string("split")!
    let shares = text.split(separator: ",", omittingEmptySubsequences: false).compactMap { Double($0) }
    guard shares.count == 2, 0 < shares[0], shares[0] < shares[1], shares[1] < 1 else {
      throw UsageError(
        "--split \(text): write two shares of the events between 0 and 1, such as 0.7,0.85", usage: context.parsed.command.usage)
    }
    return (shares[0], shares[1])
  }

  private static func read(_ path: String, _ context: CommandContext) throws -> [Interaction] {
    let source = try context.open(path, context.valueRule, usesTimes: true, rejects: try context.rejects())
    guard source.file.hasTimes else {
      throw CommandFailure("\(path) has no times, so it cannot be cut by time: --columns names the column that has them")
    }
    var progress = context.progress("bytes of \((path as NSString).lastPathComponent)", total: source.file.sizeBytes)
    var interactions: [Interaction] = []
    try source.read { interaction in
      interactions.append(interaction)
      if interactions.count & 0xfff == 0 { progress.update(source.file.bytesRead) }
    }
    if let size = source.file.sizeBytes { progress.finish(size) }
    try context.close(source)
    guard !interactions.isEmpty else { throw context.nothing(in: source.file) }
    return interactions
  }

  func count(of kind: ExportKind) -> Int {
    split.parts.reduce(0) { $0 + (users?.count ?? Set($1.history.lazy.map { Identifier($0.user) }).count) * settings.count }
  }

  mutating func rows(of kind: ExportKind, _ body: ([ExportValue]) throws -> Void) throws {
    for part in split.parts {
      var engine = RecommenderEngine(configuration)
      for start in stride(from: part.history.startIndex, to: part.history.endIndex, by: 4096) {
        _ = engine.apply(Array(part.history[start..<min(start + 4096, part.history.endIndex)]))
      }
      _ = try engine.trainOffline(threads: context.threads(configuration))
      var table = CandidateTable(settings, outcome: .init(part: part.name.rawValue, heldOut: part.heldOut))
      try table.rows(of: &engine, users: users, workers: context.threads(configuration), body)
      let done = Done(part: part, table: table)
      context.note(
        "\(part.name.rawValue): \(part.history.count) events before \(done.cut), \(table.users) users with candidates, \(done.pairs) held-out "
          + "pairs of \(part.heldOut.count) users")
      if table.usersWithout > 0 {
        context.note("\(part.name.rawValue): users left out, because they have no candidates: \(table.usersWithout)")
      }
      self.done.append(done)
    }
  }

  var report: [(key: String, value: JSONValue)] {
    [("parts", .array(done.map(\.json)))]
  }
}

extension CandidateTraining.Done {
  fileprivate var cut: String { Timestamp.rfc3339(milliseconds: part.cutMilliseconds) }
  fileprivate var pairs: Int { part.heldOut.values.reduce(0) { $0 + $1.count } }

  fileprivate var json: JSONValue {
    [
      "part": .string(part.name.rawValue), "events": .integer(part.history.count), "cut": .string(cut), "users": .integer(table.users),
      "users_without_candidates": .integer(table.usersWithout), "held_out_users": .integer(part.heldOut.count),
      "held_out_pairs": .integer(pairs),
    ]
  }
}
