import Datasets
import Evaluation
import Foundation
import StreamingRecommender
import Telemetry

/// `freshet build`: a snapshot made of a file, with the engine's own code and without servers.
struct BuildCommand {
  let context: CommandContext

  init(_ context: CommandContext) { self.context = context }

  func run() throws {
    let configuration = try context.loaded().configuration
    let directory = SnapshotDirectory(path: context.options.string("output")!)
    guard directory.lastSequence() == 0 || context.options.flag("force") else {
      throw CommandFailure("\(directory.path) has snapshots already: name another directory, or add one to them with --force")
    }
    try directory.prepare()
    var engine = RecommenderEngine(configuration)
    let events = try read(context.options.string("data")!, into: &engine)
    let record = try engine.trainOffline(threads: context.threads(configuration))
    let receipt = try directory.write(engine.snapshot(sequence: directory.lastSequence() + 1, deadLetters: []))
    context.recorder?.wrote("\(directory.path)/\(SnapshotDirectory.fileName(receipt.sequence))", bytes: receipt.bytes)
    let state = engine.state
    let json: JSONValue = [
      "events": .integer(events), "users": .integer(state.users.count), "items": .integer(state.catalogue.items.count),
      "interactions": .integer(state.users.pairCount), "factors": .integer(configuration.model.factors),
      "seconds": .number(record.secondsPerPhase.reduce(0) { $0 + $1.seconds }), "snapshot": .integer(Int(receipt.sequence)),
      "bytes": .integer(receipt.bytes), "output": .string(directory.path),
    ]
    let sentence =
      "\(directory.path): \(state.users.count) users, \(state.catalogue.items.count) items, \(state.users.pairCount) interactions, "
      + "\(receipt.bytes) bytes; `freshet recommend --model \(directory.path)` makes lists of it"
    context.report(json, text: sentence)
  }

  /// - Returns: the number of events that were applied.
  private func read(_ path: String, into engine: inout RecommenderEngine) throws -> Int {
    let source = try context.open(path, context.valueRule, usesTimes: true, rejects: try context.rejects())
    var progress = context.progress("bytes of \((path as NSString).lastPathComponent)", total: source.file.sizeBytes)
    var waiting: [Interaction] = []
    var applied = 0
    func apply() {
      applied += engine.apply(waiting).applied.count
      waiting.removeAll(keepingCapacity: true)
    }
    try source.read { interaction in
      waiting.append(interaction)
      guard waiting.count == 4096 else { return }
      apply()
      progress.update(source.file.bytesRead)
    }
    apply()
    if let size = source.file.sizeBytes { progress.finish(size) }
    try context.close(source)
    guard applied > 0 else { throw context.nothing(in: source.file) }
    try source.file.refuseCounts(users: engine.state.users.count, items: engine.state.catalogue.items.count)
    return applied
  }
}
