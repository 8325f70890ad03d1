import ItemMetadata

// Documents of items, and items that may not be listed.
extension RecommenderEngine {
  /// The result of applying one record of the topic of items.
  public enum ItemOutcome: Sendable, Equatable {
    /// `hides`: the item was listed and may not be any more, so that lists that name it must be made again.
    case changed(Identifier, hides: Bool)
    /// The reason, as in a dead letter, and a sentence.
    case rejected(reason: String, message: String)
  }

  /// Queues an item for a vector if the model was not trained on it and knows something of its document.
  mutating func enqueueItem(_ id: Identifier) {
    guard let prior = model?.prior, !items.unavailable.contains(id) else { return }
    let known = state.catalogue.items.find(id.bytes)
    if let known, model?.isTrained(known) == true { return }
    guard let document = items.document(id), prior.vector(of: document) != nil else { return }
    state.catalogue.newItems.enqueue(known ?? state.catalogue.items.intern(id.bytes).index)
  }

  /// What the item's document says of its vector; `nil` if it has none, or the model learned nothing of documents.
  func priorVector(of item: Int32) -> [Float]? {
    guard let prior = model?.prior else { return nil }
    return items.document(Identifier(state.catalogue.items.name(item))).flatMap { prior.vector(of: $0) }
  }

  private static let itemIDBytesMax = 256

  /// Applies one record: the key is the id of an item, the value its document, or none if the item is gone.
  public mutating func applyItem(_ record: Record, nowMilliseconds now: Int64) -> ItemOutcome {
    guard let key = record.key, !key.isEmpty, key.count <= Self.itemIDBytesMax else {
      return .rejected(
        reason: "no_key", message: "the key of a record of items must be the id of the item, 1 to \(Self.itemIDBytesMax) bytes")
    }
    let id = Identifier(key)
    guard let value = record.value else {
      items.remove(id)
      if let item = state.catalogue.items.find(key) { state.catalogue.gone.insert(item) }
      return .changed(id, hides: setListed(id, false))
    }
    let document: ItemDocument
    do throws(DocumentFault) { document = try ItemDocument(value) } catch {
      return .rejected(reason: error.reason.rawValue, message: error.message)
    }
    guard document.itemID.utf8.elementsEqual(key) else {
      return .rejected(
        reason: "bad_id", message: "the key of a record of items must be its item_id: without that, a deletion would not find it")
    }
    if let item = state.catalogue.items.find(key) { state.catalogue.gone.remove(item) }
    let isAvailable = items.set(document, of: id, nowMilliseconds: now)
    documentedItems.append(id)
    catchUp?.note(documentOf: id)
    pending?.documentedItems.append(id)
    return .changed(id, hides: setListed(id, isAvailable))
  }

  /// Hides and shows items whose time has come. Returns whether one was hidden.
  public mutating func advanceItems(toMilliseconds now: Int64) -> Bool {
    var hides = false
    for change in items.advance(toMilliseconds: now) {
      if setListed(change.id, change.isAvailable) { hides = true }
      if change.isAvailable { documentedItems.append(change.id) }
    }
    return hides
  }

  /// Every item may be listed; for an engine that no longer reads documents.
  public mutating func forgetItems() {
    items = ItemDocuments()
    guard !state.catalogue.hidden.isEmpty else { return }
    state.catalogue.hidden = []
    state.catalogue.gone = []
    index.setBiases(state.catalogue)
    shadow?.index.setBiases(state.catalogue)
  }

  /// Returns whether this hides an item.
  private mutating func setListed(_ id: Identifier, _ isListed: Bool) -> Bool {
    guard let item = state.catalogue.items.find(id.bytes) else { return false }
    return setListed(item, isListed)
  }

  @discardableResult private mutating func setListed(_ item: Int32, _ isListed: Bool) -> Bool {
    guard isListed == state.catalogue.hidden.contains(item) else { return false }
    if isListed { state.catalogue.hidden.remove(item) } else { state.catalogue.hidden.insert(item) }
    index.setBias(item, state.catalogue)
    shadow?.index.setBias(item, state.catalogue)
    return !isListed
  }

  /// An event named this item first; its document may have come before.
  mutating func noteNewItem(_ item: Int32, _ id: some Collection<UInt8>) {
    guard !items.unavailable.isEmpty else { return }
    let id = Identifier(Array(id))
    guard items.unavailable.contains(id) else { return }
    if items.bytes(id) == nil { state.catalogue.gone.insert(item) }
    setListed(item, false)
  }
}
