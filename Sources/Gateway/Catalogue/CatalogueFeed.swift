import ItemMetadata
import RedisPublishing
import StreamingRecommender

/// Keeps the documents of the catalogue in step with their mirror in Redis, by the numbers of their items.
///
/// Documents of items without a number, of which nobody has had an event yet, wait under their id.
struct CatalogueFeed {
  private static let changesAtOnce = 256

  private let keys: RedisKeys
  private var index = CatalogueIndex()
  private var waiting: [Identifier: ItemDocument] = [:]
  private var restricted: [Identifier: ItemDocument] = [:]
  private(set) var version: Int64 = 0
  private(set) var isLoaded = false
  /// Documents that could not be read since the start.
  private(set) var faults = 0
  private(set) var lastFault: String?

  init(_ keys: RedisKeys) { self.keys = keys }

  var view: CatalogueView { CatalogueView(index: index, restricted: restricted, isLoaded: isLoaded, version: version) }

  // MARK: Reading

  /// Reads what changed since the last call. Returns whether anything did.
  mutating func read(_ redis: RedisConnection, _ directory: ItemDirectory) throws -> Bool {
    let newest = try redis.integer(at: keys.itemVersion) ?? 0
    guard !isLoaded || newest != version else { return false }
    if isLoaded, newest > version, try readChanges(redis, directory) { return true }
    try readAll(redis, directory, newest)
    return true
  }

  /// Applies the changes after `version` in their order. Returns false if some of them are no longer listed.
  private mutating func readChanges(_ redis: RedisConnection, _ directory: ItemDirectory) throws -> Bool {
    guard case .array(let oldest) = try redis.command(["ZRANGE", keys.changedItems, "0", "0", "WITHSCORES"]), oldest.count == 2,
      let first = oldest[1].text.flatMap({ Double($0) }), Double(version) + 1 >= first
    else { return false }
    while true {
      let from = "(\(version)"
      let answer = try redis.command(
        ["ZRANGEBYSCORE", keys.changedItems, from, "+inf", "WITHSCORES", "LIMIT", "0", "\(Self.changesAtOnce)"])
      guard case .array(let entries) = answer, !entries.isEmpty else { return true }
      var changed: [(id: String, version: Int64)] = []
      for at in stride(from: 0, to: entries.count - 1, by: 2) {
        if let id = entries[at].text, let score = entries[at + 1].text.flatMap({ Double($0) }) { changed.append((id, Int64(score))) }
      }
      // More changes of one version than a page holds cannot be told apart.
      if changed.count == Self.changesAtOnce, changed.first?.version == changed.last?.version { return false }
      let documents = try redis.fields(changed.map(\.id), of: keys.itemDocuments)
      for change in changed { apply(documents[change.id], to: Identifier(change.id), directory) }
      // Items of one version may continue on the next page; they are read twice then.
      let last = changed.last?.version ?? version
      version = max(version, changed.count == Self.changesAtOnce ? last - 1 : last)
      if changed.count < Self.changesAtOnce { return true }
    }
  }

  private mutating func readAll(_ redis: RedisConnection, _ directory: ItemDirectory, _ newest: Int64) throws {
    var found: Set<Identifier> = []
    var scanned = self
    try redis.scan(keys.itemDocuments) { id, bytes in
      found.insert(Identifier(id))
      scanned.apply(bytes, to: Identifier(id), directory)
    }
    for number in 0..<Int32(scanned.index.itemCount) {
      if let document = scanned.index.document(number), !found.contains(Identifier(document.itemID)) { scanned.index.remove(number) }
    }
    for id in scanned.waiting.keys where !found.contains(id) { scanned.setWaiting(nil, id) }
    scanned.isLoaded = true
    scanned.version = newest
    self = scanned
  }

  private mutating func apply(_ bytes: [UInt8]?, to id: Identifier, _ directory: ItemDirectory) {
    var document: ItemDocument?
    if let bytes {
      do throws(DocumentFault) { document = try ItemDocument(bytes) } catch {
        faults += 1
        lastFault = "the document of item \(id) in \(keys.itemDocuments) cannot be read: \(error)"
        return
      }
    }
    guard let number = directory.number(id) else { return setWaiting(document, id) }
    if let document { index.set(document, number: number) } else { index.remove(number) }
  }

  private mutating func setWaiting(_ document: ItemDocument?, _ id: Identifier) {
    waiting[id] = document
    let isRestricted = document.map { $0.isHidden || $0.availableFrom != nil || $0.availableUntil != nil } ?? false
    restricted[id] = isRestricted ? document : nil
  }

  // MARK: Numbers

  /// Moves documents to the numbers that their items have now.
  ///
  /// - Parameter numbers: those that belong to another item than before, or to none.
  mutating func renumber(_ numbers: Set<Int32>, _ directory: ItemDirectory) -> Bool {
    index.extend(to: directory.count)
    guard !numbers.isEmpty else { return false }
    for number in numbers {
      guard let document = index.document(number) else { continue }
      let id = Identifier(document.itemID)
      guard directory.id(number) != id else { continue }
      setWaiting(document, id)
      index.remove(number)
    }
    for number in numbers.sorted() {
      guard let id = directory.id(number) else { continue }
      if let document = waiting[id] {
        index.set(document, number: number)
        setWaiting(nil, id)
      } else if index.document(number) == nil, !index.isAvailable(number, at: 0), let empty = try? ItemDocument(itemID: id.string) {
        // The number was another item's, which is gone.
        index.set(empty, number: number)
      }
    }
    return true
  }
}
