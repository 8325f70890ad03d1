/// Some objects of a store, and where the next ones begin.
public struct ObjectListing: Sendable, Equatable {
  /// Only the store that has made it understands it.
  public struct Cursor: Sendable, Equatable {
    let text: String
  }

  public var objects: [ObjectInfo]
  /// `nil`: these were the last ones.
  public var next: Cursor?
}
