/// Why an item is in an answer.
public enum ItemSource: String, Sendable, CaseIterable {
  /// From the user's vector as of the last training.
  case personal
  /// From the user's vector after later events.
  case foldin
  /// From the user's vector and the `context` of the request, or from the items of an anonymous visitor.
  case context
  case similar
  case popular
  /// A rule pinned it.
  case pinned
}
