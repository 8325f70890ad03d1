import StreamingRecommender

/// The ids of item numbers, and the numbers of ids.
///
/// A value with copy-on-write storage: generations of one or several epochs share it.
public struct ItemDirectory: Sendable {
  private var ids: [Identifier?] = []
  private var numbers: [Identifier: Int32] = [:]

  public init() {}

  /// One more than the largest number.
  public var count: Int { ids.count }

  public func id(_ number: Int32) -> Identifier? {
    number >= 0 && Int(number) < ids.count ? ids[Int(number)] : nil
  }

  public func number(_ id: Identifier) -> Int32? { numbers[id] }

  /// Gives the number to `id`. Returns whether anything changed: the number may have belonged to another id before.
  @discardableResult mutating func set(_ number: Int32, to id: Identifier) -> Bool {
    let at = Int(number)
    if at < ids.count, ids[at] == id { return false }
    if at >= ids.count { ids.append(contentsOf: repeatElement(nil, count: at + 1 - ids.count)) }
    if let before = ids[at], numbers[before] == number { numbers[before] = nil }
    ids[at] = id
    numbers[id] = number
    return true
  }

  /// Takes the number away from its id.
  @discardableResult mutating func remove(_ number: Int32) -> Bool {
    guard let id = id(number) else { return false }
    if numbers[id] == number { numbers[id] = nil }
    ids[Int(number)] = nil
    return true
  }
}
