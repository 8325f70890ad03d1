import ItemMetadata
import StreamingRecommender

/// The catalogue at one moment, for any number of readers.
public final class CatalogueView: Sendable {
  public let index: CatalogueIndex
  /// Documents, by id, of items that have no number yet and may not always be shown.
  private let restricted: [Identifier: ItemDocument]
  /// Whether the catalogue was read once; an engine without items has an empty one.
  public let isLoaded: Bool
  /// The version of the mirror that was read last.
  public let version: Int64

  init(
    index: CatalogueIndex = CatalogueIndex(), restricted: [Identifier: ItemDocument] = [:], isLoaded: Bool = false, version: Int64 = 0
  ) {
    self.index = index
    self.restricted = restricted
    self.isLoaded = isLoaded
    self.version = version
  }

  /// Whether the item may be shown.
  ///
  /// - Parameter number: `nil` if the item has none.
  public func isAvailable(_ id: Identifier, number: Int32?, at now: Int64) -> Bool {
    guard let number else { return restricted[id]?.isAvailable(at: now) ?? true }
    return index.isAvailable(number, at: now)
  }
}
