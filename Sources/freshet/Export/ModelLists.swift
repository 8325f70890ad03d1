import Foundation
import Pipeline
import StreamingRecommender
import Telemetry

/// `freshet recommend --model`: lists of a model directory, made as `export lists` makes them.
struct ModelLists {
  let context: CommandContext
  /// A directory or a store of snapshots.
  let model: String

  init(_ context: CommandContext, model: String) {
    self.context = context
    self.model = model
  }

  private func usage(_ message: String) -> UsageError { UsageError(message, usage: context.parsed.command.usage) }

  func run() throws {
    let user = context.parsed.operands.first
    if user != nil, context.options.isSet("users") { throw usage("name USER or --users FILE, not both") }
    if let user, !["output", "format", "force"].contains(where: context.options.isSet) { return try printList(of: user) }
    if context.options.isSet("exclude") { throw usage("--exclude is for the list of one USER that is printed") }
    try ExportCommand(context).lists(of: model, for: user.map { [Array($0.utf8)] })
  }

  private func printList(of user: String) throws {
    let wanted = context.options.int("count") ?? 10
    let excluded = context.excludedItems
    var source = try ExportCommand(context).source(at: model, count: wanted + excluded.count)
    source.select([Array(user.utf8)])
    var items: [RecommendedItem] = []
    var origin = RecommendationSource.popular
    try source.rows(of: .lists) { row in
      guard case .text(let item) = row[2], case .float(let score) = row[3], case .text(let word) = row[5] else { return }
      // What fills a list up comes last.
      if items.isEmpty { origin = RecommendationSource(rawValue: String(decoding: word, as: UTF8.self)) ?? .popular }
      items.append(RecommendedItem(item: Identifier(String(decoding: item, as: UTF8.self)), score: score))
    }
    let kept = Array(items.filter { !excluded.contains($0.item) }.prefix(wanted))
    let json: JSONValue = [
      "user": .string(user), "source": .string(origin.rawValue), "epoch": .integer(source.epoch),
      "snapshot": .integer(Int(source.sequence)),
      "items": .array(kept.map { ["item": .string($0.item.string), "score": .number(Double($0.score))] }),
    ]
    context.report(json, text: ListText.table(kept, [:]))
    context.note("source \(origin.rawValue), model epoch \(source.epoch), snapshot \(source.sequence) of \(model)")
  }
}
