import StreamingRecommender

/// The ids of the users or items of a static data set, in ascending byte order; the position is the row or column of the matrix.
public struct StaticIdentifiers: Sendable {
  private let table: IdentifierTable
  /// The index in the table for each position.
  private let order: [Int32]
  /// The position for each index in the table; -1 if the id was left out.
  let places: [Int32]

  /// - Parameter isKept: returns whether the id with this index in the table is included.
  init(_ table: IdentifierTable, where isKept: (Int32) -> Bool = { _ in true }) {
    self.table = table
    var keyed = (0..<Int32(table.capacity)).filter(isKept).map { (key: table.withName($0, Self.firstBytes), index: $0) }
    keyed.sort { a, b in
      if a.key != b.key { return a.key < b.key }
      return table.withName(a.index) { a in table.withName(b.index) { b in a.lexicographicallyPrecedes(b) } }
    }
    order = keyed.map(\.index)
    var places = [Int32](repeating: -1, count: table.capacity)
    for (place, index) in order.enumerated() { places[Int(index)] = Int32(place) }
    self.places = places
  }

  public var count: Int { order.count }

  public subscript(place: Int) -> String { table.string(order[place]) }

  /// All ids in order.
  public var strings: [String] { order.map(table.string) }

  /// Returns the position of an id, or `nil` if it is not included.
  public func place(of name: some Collection<UInt8>) -> Int32? {
    guard let index = table.find(name), places[Int(index)] >= 0 else { return nil }
    return places[Int(index)]
  }

  func withName<R>(_ place: Int, _ body: (UnsafeBufferPointer<UInt8>) -> R) -> R { table.withName(order[place], body) }

  /// Returns the first eight bytes as a number with the same order. Ids have no zero byte, so a shorter one sorts first.
  private static func firstBytes(_ name: UnsafeBufferPointer<UInt8>) -> UInt64 {
    var key: UInt64 = 0
    for at in 0..<8 { key = key << 8 | UInt64(at < name.count ? name[at] : 0) }
    return key
  }
}
