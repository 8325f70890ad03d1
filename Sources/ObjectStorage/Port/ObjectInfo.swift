/// What a store says of an object without its content.
public struct ObjectInfo: Sendable, Equatable {
  public var key: ObjectKey
  public var bytes: Int
  /// Milliseconds since 1970; 0 if the store does not say it.
  public var modifiedMilliseconds: Int64
  /// Changes with the content. Stores differ in how they make it.
  public var tag: String
}
