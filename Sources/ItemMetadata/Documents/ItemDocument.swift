import Telemetry

/// What is known of an item besides events: its title, categories and tags, whether and when it may be shown, and any other properties.
///
/// A document always keeps within its limits, so that what is written can be read again. Texts are compared byte by byte.
public struct ItemDocument: Sendable {
  public static let bytesMax = 65_536
  public static let propertiesBytesMax = 32_768
  public static let titleBytesMax = 1024
  /// The most categories, and the most tags.
  public static let wordsMax = 100
  public static let wordBytesMax = 256

  public let itemID: String
  public let title: String?
  /// In the order in which they were given, each once.
  public let categories: [String]
  public let tags: [String]
  public let isHidden: Bool
  /// The first millisecond since 1970 at which the item may be shown.
  public let availableFrom: Int64?
  /// The first millisecond at which it may no longer be shown.
  public let availableUntil: Int64?
  /// In the order of their names' bytes, objects within them too, and without nulls.
  public let properties: [JSONValue.Member]

  public init(
    itemID: String, title: String? = nil, categories: [String] = [], tags: [String] = [], isHidden: Bool = false,
    availableFrom: Int64? = nil, availableUntil: Int64? = nil, properties: [JSONValue.Member] = []
  ) throws(DocumentFault) {
    self.itemID = itemID
    self.title = title
    self.categories = categories.withoutRepetitions
    self.tags = tags.withoutRepetitions
    self.isHidden = isHidden
    self.availableFrom = availableFrom
    self.availableUntil = availableUntil
    self.properties = JSONValue.canonical(properties)
    try validate()
  }

  public var availability: ItemAvailability { ItemAvailability(isHidden: isHidden, from: availableFrom, until: availableUntil) }

  /// Whether the item may be shown at this time.
  public func isAvailable(at now: Int64) -> Bool { availability.holds(at: now) }

  /// The next time at which the item begins or ceases to be available, if nobody changes the document.
  public func nextChange(after now: Int64) -> Int64? { availability.nextChange(after: now) }
}

extension ItemDocument: Equatable {
  /// Whether the documents are the same byte for byte when written.
  public static func == (a: Self, b: Self) -> Bool { a.bytes == b.bytes }
}
