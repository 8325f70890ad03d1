import Telemetry

/// `freshet estimate`.
struct EstimateCommand {
  let context: CommandContext

  init(_ context: CommandContext) { self.context = context }

  func run() throws {
    let estimate = MemoryEstimate(
      users: context.options.int("users") ?? 0, items: context.options.int("items") ?? 0,
      interactions: context.options.int("interactions") ?? 50, try context.loaded().configuration)
    if context.json {
      let parts = estimate.parts.map { part -> JSONValue in
        [
          "store": .string(part.store.rawValue), "name": .string(part.name), "count": .integer(part.count),
          "bytes_each": .integer(part.bytesEach), "bytes": .integer(part.bytes), "note": .string(part.note),
        ]
      }
      context.print(
        ([
          "redis_bytes": .integer(estimate.total(.redis)), "engine_bytes": .integer(estimate.total(.engine)), "parts": .array(parts),
        ] as JSONValue).text)
      return
    }
    var table = TextTable([.left, .left, .right, .right, .left], header: ["store", "what", "bytes each", "MB", ""])
    for part in estimate.parts {
      table.add([part.store.rawValue, part.name, "\(part.bytesEach)", Self.megabytes(part.bytes), part.note])
    }
    context.print(String(table.description.dropLast()))
    context.print("redis \(Self.megabytes(estimate.total(.redis))) MB, engine \(Self.megabytes(estimate.total(.engine))) MB")
    context.note("keep a third of Redis free for copy-on-write while it saves, and the memory of a training beside that of the engine")
  }

  private static func megabytes(_ bytes: Int) -> String { ListText.fixed(Double(bytes) / 1e6, 1) }
}
