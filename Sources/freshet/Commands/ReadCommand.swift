import Foundation
import Pipeline
import RedisPublishing
import StreamingRecommender
import Telemetry

/// `freshet recommend`, `popular` and `similar`: reads lists from Redis.
struct ReadCommand {
  let context: CommandContext

  init(_ context: CommandContext) { self.context = context }

  func recommend() throws {
    if let model = context.options.string("model") { return try ModelLists(context, model: model).run() }
    if let option = ["users", "output", "format", "force"].first(where: context.options.isSet) {
      throw UsageError("--\(option) goes with --model DIR; without it, USER's list is read from Redis", usage: context.parsed.command.usage)
    }
    guard let user = context.parsed.operands.first else {
      throw UsageError("recommend needs USER, or --model DIR", usage: context.parsed.command.usage)
    }
    let excluded = context.excludedItems
    try read(head: ("user", user), excluded: excluded) { reader in
      guard let answer = try reader.list(user: Identifier(user)) else { return nil }
      if answer.isFallback { context.note("there is no list for \(user): this is the popular one") }
      return answer.list
    }
  }

  func popular() throws { try read(head: nil) { try $0.popular() } }

  func similar() throws {
    let item = context.parsed.operands[0]
    try read(head: ("item", item)) { reader in
      guard let list = try reader.similar(item: Identifier(item)) else {
        throw CommandFailure("there is no list of items similar to \(item): check the id, and whether a model was trained with it")
      }
      return list
    }
  }

  private func read(
    head: (key: String, id: String)?, excluded: Set<Identifier> = [], _ list: (RedisReader) throws -> RecommendationList?
  ) throws {
    let configuration = try context.loadedForRunningEngine()
    do {
      let reader = try context.reader(configuration)
      guard let list = try list(reader) else {
        throw CommandFailure(
          "Redis at \(Redaction.text(configuration.redis.url)) has no list under \(configuration.redis.keyPrefix):\(configuration.redis.namespace): is \(context.line("serve")) running, and has it read any events?"
        )
      }
      let items = Array(list.items.filter { !excluded.contains($0.item) }.prefix(context.options.int("count") ?? 10))
      show(list, items, try reader.titles(items.map(\.item)), head)
    } catch let error as RedisError { throw CommandFailure("\(error)") }
  }

  private func show(
    _ list: RecommendationList, _ items: [RecommendedItem], _ titles: [Identifier: String], _ head: (key: String, id: String)?
  ) {
    let age = max(0, WallClock.milliseconds() - list.madeAtMilliseconds)
    if context.json {
      var output = JSONValue.object([])
      if let head { output[head.key] = .string(head.id) }
      output["source"] = .string(list.source.rawValue)
      output["epoch"] = .integer(Int(list.epoch))
      output["age_ms"] = .integer(Int(age))
      output["items"] = .array(
        items.map { item in
          var object: JSONValue = ["item": .string(item.item.string), "score": .number(Double(item.score))]
          if let title = titles[item.item] { object["title"] = .string(title) }
          return object
        })
      context.print(output.text)
      return
    }
    context.print(ListText.table(items, titles))
    if let wanted = context.options.int("count"), items.count < wanted, context.options.isSet("count") {
      context.note("the stored list has \(items.count) items (topn.n)")
    }
    context.note("source \(list.source.rawValue), model epoch \(list.epoch), made \(ListText.age(age)) ago")
  }
}

extension CommandContext {
  /// The items of `--exclude`.
  var excludedItems: Set<Identifier> {
    Set(options.strings("exclude").flatMap { $0.split(separator: ",").map { Identifier(String($0)) } })
  }
}

/// Recommendation lists as text.
enum ListText {
  static func table(_ items: [RecommendedItem], _ titles: [Identifier: String]) -> String {
    var table = TextTable([.right, .left, .right, .left])
    for (index, item) in items.enumerated() {
      table.add(["\(index + 1)", item.item.string, fixed(Double(item.score), 4), titles[item.item] ?? ""])
    }
    return String(table.description.dropLast())
  }

  static func age(_ milliseconds: Int64) -> String {
    switch milliseconds {
    case ..<1_000: "\(milliseconds) ms"
    case ..<120_000: "\(milliseconds / 1000) s"
    case ..<7_200_000: "\(milliseconds / 60_000) min"
    default: "\(milliseconds / 3_600_000) h"
    }
  }

  static func fixed(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }
}
