/// The bounds of one payload.
public struct PayloadLimits: Sendable, Equatable {
  /// How deep objects and arrays may be nested.
  public var depthMax: Int
  /// The size of the JSON that a payload stands for.
  public var jsonBytesMax: Int

  /// JSON names every field, so it is larger than the record; this is how much larger it may be.
  static let expansionMax = 16

  public init(depthMax: Int = 16, recordBytesMax: Int = 65_536) {
    self.depthMax = depthMax
    jsonBytesMax = recordBytesMax * Self.expansionMax
  }
}
