import Datasets
import RedisPublishing
import StreamingRecommender
import Telemetry

/// `freshet titles`: writes the titles of items to Redis.
struct TitlesCommand {
  let context: CommandContext

  init(_ context: CommandContext) { self.context = context }

  func run() throws {
    let path = context.parsed.operands[0]
    let configuration = try context.loadedForRunningEngine()
    let titles = try ItemTitles(path: path)
    for line in titles.firstBadLines { context.note("\(path), line \(line.line): \(line.reason)") }
    guard titles.count > 0 else {
      throw CommandFailure("\(path) has no titles: a line is an item, a tab and its title; in a .csv file, a comma")
    }
    do {
      try context.reader(configuration).setTitles(titles.byIdentifier)
    } catch let error as RedisError { throw CommandFailure("\(error)") }
    if context.json {
      context.print((["titles": .integer(titles.count), "bad_lines": .integer(titles.badLines)] as JSONValue).text)
    } else {
      let bad = titles.badLines == 0 ? "" : "; \(titles.badLines) lines were left out"
      context.print("\(ProgressBar.count(titles.count)) titles in \(configuration.redis.keyPrefix):\(configuration.redis.namespace)\(bad)")
    }
  }
}
