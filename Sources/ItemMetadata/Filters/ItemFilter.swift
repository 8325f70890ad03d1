/// A condition on documents, such as `categories in ["home", "garden"] and price < 10`. The grammar is in `FilterParser`.
///
/// Every test is true or false: one on a field that is missing or has a value of another type is false, and one on a list holds if it
/// holds for any element. `!=` and `not in` are the opposites of `=` and `in`, so they hold for a missing field.
public struct ItemFilter: Sendable {
  indirect enum Node: Sendable {
    case test(FilterTest)
    case not(Node)
    case and([Node])
    case or([Node])
  }

  let root: Node
  /// The same for filters that differ only in white space, in redundant parentheses or in how a value is written.
  public let canonicalText: String

  init(_ root: Node) {
    self.root = root
    canonicalText = root.text(within: .or)
  }

  /// Reads a filter, and reports the first fault in it.
  public init(_ text: some Sequence<UInt8>, limits: FilterLimits = .query) throws(FilterFault) {
    var parser = FilterParser(Array(text), limits)
    try self.init(parser.parse())
  }

  public init(_ text: String, limits: FilterLimits = .query) throws(FilterFault) { try self.init(text.utf8, limits: limits) }

  /// All items.
  public static let everything = ItemFilter(.joined([], isAnd: true))

  /// The items of any of these categories.
  public static func categories(anyOf names: [String]) -> ItemFilter {
    ItemFilter(.test(FilterTest(field: .categories, condition: .isIn(names.map { .text($0) }))))
  }

  public func and(_ other: ItemFilter) -> ItemFilter { ItemFilter(.joined([root, other.root], isAnd: true)) }

  /// Whether the document passes; `nil` is an item of which nothing is known.
  public func matches(_ document: ItemDocument?, now: Int64) -> Bool { root.matches(document, now: now) }

  /// The next time at which the outcome for this document may change, if nobody changes the document.
  public func nextChange(of document: ItemDocument?, after now: Int64) -> Int64? {
    guard dependsOnTime, let document else { return nil }
    return root.nextChange(of: document, after: now)
  }

  /// Whether a test compares with `now`.
  public var dependsOnTime: Bool { root.dependsOnTime }
}

extension ItemFilter: Hashable {
  public static func == (a: Self, b: Self) -> Bool { a.canonicalText.hasSameBytes(as: b.canonicalText) }
  public func hash(into hasher: inout Hasher) { ExactText(canonicalText).hash(into: &hasher) }
}

extension ItemFilter.Node {
  /// The nodes joined, without nesting of the same kind.
  static func joined(_ nodes: [Self], isAnd: Bool) -> Self {
    let flat = nodes.flatMap { node -> [Self] in
      switch node {
      case .and(let parts) where isAnd: parts
      case .or(let parts) where !isAnd: parts
      default: [node]
      }
    }
    if flat.count == 1 { return flat[0] }
    return isAnd ? .and(flat) : .or(flat)
  }

  static func negated(_ node: Self) -> Self { if case .not(let inner) = node { inner } else { .not(node) } }

  func matches(_ document: ItemDocument?, now: Int64) -> Bool {
    switch self {
    case .test(let test): document.map { test.matches($0, now: now) } ?? false
    case .not(let node): !node.matches(document, now: now)
    case .and(let nodes): nodes.allSatisfy { $0.matches(document, now: now) }
    case .or(let nodes): nodes.contains { $0.matches(document, now: now) }
    }
  }

  var dependsOnTime: Bool {
    switch self {
    case .test(let test): !test.offsetsFromNow.isEmpty
    case .not(let node): node.dependsOnTime
    case .and(let nodes), .or(let nodes): nodes.contains(where: \.dependsOnTime)
    }
  }

  func nextChange(of document: ItemDocument, after now: Int64) -> Int64? {
    switch self {
    case .test(let test): test.nextChange(of: document, after: now)
    case .not(let node): node.nextChange(of: document, after: now)
    case .and(let nodes), .or(let nodes): nodes.compactMap { $0.nextChange(of: document, after: now) }.min()
    }
  }

  // MARK: Text

  /// How tightly the surroundings bind.
  enum Binding: Int { case or, and, not }

  func text(within binding: Binding) -> String {
    let (text, own): (String, Binding)
    switch self {
    case .test(let test): return test.canonicalText(isNegated: false) ?? ""
    case .not(.test(let test)):
      if let negated = test.canonicalText(isNegated: true) { return negated }
      return "not \(test.canonicalText(isNegated: false) ?? "")"
    case .not(let node): return "not \(node.text(within: .not))"
    case .and(let nodes): (text, own) = (nodes.map { $0.text(within: .and) }.joined(separator: " and "), .and)
    case .or(let nodes): (text, own) = (nodes.map { $0.text(within: .or) }.joined(separator: " or "), .or)
    }
    return own.rawValue < binding.rawValue ? "(\(text))" : text
  }
}
