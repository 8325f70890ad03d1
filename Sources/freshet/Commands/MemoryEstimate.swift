import StreamingRecommender

/// How much memory Redis and the engine need, from sizes that were measured (docs/operations.md).
struct MemoryEstimate {
  struct Part: Equatable {
    enum Store: String { case redis, engine }
    var store: Store
    var name: String
    var count: Int
    var bytesEach: Int
    /// The assumption behind it, or the configuration key that it hangs on.
    var note: String
    var bytes: Int { count * bytesEach }
  }

  private(set) var parts: [Part] = []

  /// Key, entry, expiry and rounding of a Redis string, beside its value: measured with keys of 30 bytes.
  private static let stringOverhead = 130
  /// A list is JSON: a head, and for each item its id and score.
  private static let listHead = 30
  private static let listItem = 21
  /// Of a document of an item, with its entry in the hash.
  private static let documentBytes = 400
  /// The resident memory of an engine per interaction, user vectors included.
  private static let engineInteractionBytes = 54
  private static let transitionBytesMax = 1_100

  init(users: Int, items: Int, interactions: Int, _ configuration: RecommenderConfiguration) {
    let publish = configuration.publish
    let vector = 4 * configuration.model.factors
    add(.redis, "lists of users", users, Self.list(configuration.topN.n), "topn.n = \(configuration.topN.n), ids of 10 bytes")
    if publish.vectors { add(.redis, "vectors of users", users, 12 + vector + Self.stringOverhead, "publish.vectors") }
    if publish.rows {
      let boosts = configuration.model.transitions == nil ? 0 : 6 * 100
      let seen = min(interactions, 2000) * 5 / 2
      add(.redis, "rows of users", users, 40 + vector + seen + boosts + Self.stringOverhead, "publish.rows")
      add(.redis, "item packs", 2 * items, vector + 14, "publish.rows, two epochs")
      add(.redis, "trend", items, 4, "publish.rows")
    }
    if publish.vectors { add(.redis, "vectors of items", 2 * items, 12 + vector + Self.stringOverhead, "publish.vectors, two epochs") }
    if publish.similar { add(.redis, "similar items", items, Self.list(configuration.topN.similarN), "publish.similar") }
    if !configuration.items.topic.isEmpty {
      add(.redis, "documents of items", items, Self.documentBytes, "items.topic, documents of 300 bytes")
      add(.engine, "documents of items", items, Self.documentBytes, "items.topic, documents of 300 bytes")
    }
    let kept = min(interactions, configuration.model.historyPerUser)
    add(.engine, "users and their interactions", users * kept, Self.engineInteractionBytes, "\(kept) interactions a user")
    // The live model and the next one, each as rows and in the layout for scoring.
    add(.engine, "item vectors", 4 * items, vector, "two models")
    if configuration.model.transitions != nil { add(.engine, "transitions", items, Self.transitionBytesMax, "at most; model.transitions") }
  }

  private mutating func add(_ store: Part.Store, _ name: String, _ count: Int, _ bytes: Int, _ note: String) {
    parts.append(Part(store: store, name: name, count: count, bytesEach: bytes, note: note))
  }

  private static func list(_ n: Int) -> Int { listHead + listItem * n + stringOverhead }

  func total(_ store: Part.Store) -> Int { parts.filter { $0.store == store }.reduce(0) { $0 + $1.bytes } }
}
