/// The items of each category, or of each tag.
///
/// The words are spread over shards, so that a change after a copy copies one shard's dictionary and not all words.
struct WordIndex: Sendable {
  private static let shardCount = 64
  private var shards = [[ExactText: ItemSet]](repeating: [:], count: shardCount)

  private func shard(of word: ExactText) -> Int { Int(UInt(bitPattern: word.hashValue) % UInt(Self.shardCount)) }

  subscript(word: String) -> ItemSet {
    let key = ExactText(word)
    return shards[shard(of: key)][key] ?? ItemSet()
  }

  mutating func insert(_ item: Int32, _ words: [String]) {
    for word in words.lazy.map(ExactText.init) { shards[shard(of: word)][word, default: ItemSet()].insert(item) }
  }

  mutating func remove(_ item: Int32, _ words: [String]) {
    for word in words.lazy.map(ExactText.init) {
      let shard = shard(of: word)
      shards[shard][word]?.remove(item)
      if shards[shard][word]?.isEmpty == true { shards[shard][word] = nil }
    }
  }

  /// Each word with the number of its items.
  var counts: [(word: String, items: Int)] { shards.flatMap { $0.map { ($0.key.text, $0.value.count) } } }
}
