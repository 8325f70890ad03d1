import Telemetry

/// A list of items as readers of Redis get it, with titles.
public struct ConsoleList: Sendable, Equatable {
  public struct Item: Sendable, Equatable {
    public var id: String
    public var title: String?
    public var score: Double
    public init(id: String, title: String?, score: Double) {
      self.id = id
      self.title = title
      self.score = score
    }
  }

  /// How it was computed, in the word that readers find in it.
  public var source: String
  public var epoch: Int
  public var ageSeconds: Double
  public var items: [Item]

  public init(source: String, epoch: Int, ageSeconds: Double, items: [Item]) {
    self.source = source
    self.epoch = epoch
    self.ageSeconds = ageSeconds
    self.items = items
  }

  private static let sources = [
    "personal": "personal, from the last training", "foldin": "personal, updated after an event", "similar": "similar items",
    "popular": "popular items",
  ]

  var json: JSONValue {
    let text =
      "\(Wording.count(items.count, "item")), \(Self.sources[source] ?? source), epoch \(epoch), made \(Wording.seconds(ageSeconds)) ago"
    return [
      "text": .string(text), "source": .string(source), "epoch": .integer(epoch), "age_ms": .integer(Int(ageSeconds * 1000)),
      "items": .array(
        items.map { ["item": .string($0.id), "title": $0.title.map { .string($0) } ?? .null, "score": .number($0.score)] }),
    ]
  }
}
