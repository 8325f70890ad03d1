/// The parameters after the question mark, in the order in which they were sent.
public struct HTTPQuery: Sendable, Equatable, ExpressibleByDictionaryLiteral {
  public struct Item: Sendable, Equatable {
    public let name: String
    /// Empty if the name has none.
    public let value: String
    public init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  public private(set) var items: [Item] = []

  public init() {}
  public init(_ items: [Item]) { self.items = items }
  public init(dictionaryLiteral elements: (String, String)...) { items = elements.map { Item($0.0, $0.1) } }

  public mutating func append(_ item: Item) { items.append(item) }

  /// Of equal names the last counts.
  public subscript(name: String) -> String? { items.last { $0.name == name }?.value }

  /// All values of a parameter that may be repeated.
  public func values(_ name: String) -> [String] { items.compactMap { $0.name == name ? $0.value : nil } }
}
