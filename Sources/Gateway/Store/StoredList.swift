import ItemMetadata
import RedisPublishing
import StreamingRecommender

/// A list as Redis has it, without what a reader does not need.
public struct StoredList: Sendable, Equatable {
  public struct Item: Sendable, Equatable {
    public var item: Identifier
    public var score: Float
    public init(item: Identifier, score: Float) {
      self.item = item
      self.score = score
    }
  }

  public var epoch: UInt32
  public var madeAtMilliseconds: Int64
  public var source: ItemSource
  public var filledFrom: Int?
  /// Of an imported list.
  public var expiresAtMilliseconds: Int64?
  public var items: [Item]

  public init(
    epoch: UInt32, madeAtMilliseconds: Int64, source: ItemSource, filledFrom: Int? = nil, expiresAtMilliseconds: Int64? = nil,
    items: [Item]
  ) {
    self.expiresAtMilliseconds = expiresAtMilliseconds
    self.epoch = epoch
    self.madeAtMilliseconds = madeAtMilliseconds
    self.source = source
    self.filledFrom = filledFrom
    self.items = items
  }

  /// Why the item at this place is in the list.
  public func source(at place: Int) -> ItemSource { filledFrom.map { place >= $0 } ?? false ? .popular : source }

  /// Reads what `ImportedListFormat` writes.
  public init(decodingImported bytes: [UInt8]) throws {
    if let list = StoredListReader.read(bytes), list.source == .imported, list.expiresAtMilliseconds != nil {
      self = list
      return
    }
    let list = try ImportedListFormat.decode(bytes)
    self.init(
      epoch: 0, madeAtMilliseconds: list.madeAtMilliseconds, source: .imported, expiresAtMilliseconds: list.expiresAtMilliseconds,
      items: list.items.map { Item(item: $0.item, score: $0.score) })
  }

  /// Reads what `ListFormat` writes; the usual form in one pass, any other with its decoder.
  public init(decoding bytes: [UInt8]) throws {
    if let list = StoredListReader.read(bytes) {
      self = list
      return
    }
    let list = try ListFormat.decode(bytes)
    let source: ItemSource =
      switch list.source {
      case .personal: .personal
      case .foldin: .foldin
      case .similar: .similar
      case .popular: .popular
      }
    self.init(
      epoch: list.epoch, madeAtMilliseconds: list.madeAtMilliseconds, source: source, filledFrom: list.filledFrom,
      items: list.items.map { Item(item: $0.item, score: $0.score) })
  }
}
