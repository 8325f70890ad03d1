/// The ids and vectors of consecutive item numbers in one epoch (`FRP1`), so that a reader loads a model with few commands.
///
/// Pack `n` holds the items `n * ItemPack.size ..< (n + 1) * ItemPack.size` that exist. All numbers are little-endian:
/// ```
/// "FRP1", epoch u32, first item u32, count u32, factors u32,
/// lengths of the ids: count x u16, the ids,
/// bitmap of the items that have a vector: (count + 7) / 8 bytes, the lowest bit first,
/// bitmap of the items with enough users to fill other users' lists,
/// vectors of the items that have one: factors x f32 each.
/// ```
public struct ItemPack: Sendable, Equatable {
  public static let size = 1_000

  public var epoch: UInt32
  public var first: Int32
  public var factors: Int
  public var ids: [[UInt8]] = []
  public var hasVector: [Bool] = []
  public var hasSupport: [Bool] = []
  /// The vectors of those items that have one, one after the other.
  public var vectors: [Float] = []

  private static let magic = "FRP1"

  public init(epoch: UInt32, first: Int32, factors: Int) {
    self.epoch = epoch
    self.first = first
    self.factors = factors
  }

  /// The number of packs that hold `items` items.
  public static func count(items: Int) -> Int { (items + size - 1) / size }

  /// Adds the next item; `vector` is `nil` if it has none.
  public mutating func append(id: [UInt8], vector: UnsafeBufferPointer<Float>?, hasSupport: Bool) {
    precondition(vector.map { $0.count == factors } ?? true, "a vector of \(vector?.count ?? 0) factors in a pack of \(factors)")
    ids.append(id)
    hasVector.append(vector != nil)
    self.hasSupport.append(hasSupport)
    if let vector { vectors.append(contentsOf: vector) }
  }

  public func encoded() -> [UInt8] {
    var writer = ByteWriter(capacity: 32 + ids.reduce(0) { $0 + $1.count + 3 } + 4 * vectors.count)
    writer.append(Self.magic.utf8)
    writer.append(epoch)
    writer.append(UInt32(first))
    writer.append(UInt32(ids.count))
    writer.append(UInt32(factors))
    for id in ids { writer.append(UInt16(id.count)) }
    for id in ids { writer.append(id) }
    writer.append(Self.bitmap(hasVector))
    writer.append(Self.bitmap(hasSupport))
    vectors.withUnsafeBufferPointer { writer.append($0) }
    return writer.bytes
  }

  public init(decoding bytes: [UInt8]) throws(ServingFormatError) {
    self = try bytes.withReader { reader throws(ServingFormatError) in
      try reader.expect(magic: Self.magic)
      let epoch = try reader.number(UInt32.self)
      let first = try reader.number(UInt32.self)
      let count = Int(try reader.number(UInt32.self))
      let factors = Int(try reader.number(UInt32.self))
      guard first <= UInt32(Int32.max), count <= Self.size else {
        throw ServingFormatError("it has \(count) items from number \(first) on; a pack has at most \(Self.size)")
      }
      var pack = ItemPack(epoch: epoch, first: Int32(first), factors: factors)
      var lengths: [Int] = []
      for _ in 0..<count { lengths.append(Int(try reader.number(UInt16.self))) }
      for length in lengths { pack.ids.append(Array(try reader.take(length))) }
      pack.hasVector = Self.flags(try reader.take((count + 7) / 8), count)
      pack.hasSupport = Self.flags(try reader.take((count + 7) / 8), count)
      let (floats, isTooLarge) = pack.hasVector.count { $0 }.multipliedReportingOverflow(by: factors)
      guard !isTooLarge else { throw ServingFormatError("it announces \(factors) factors") }
      pack.vectors = try reader.floats(floats)
      try reader.expectEnd()
      return pack
    }
  }

  private static func bitmap(_ flags: [Bool]) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: (flags.count + 7) / 8)
    for (index, isSet) in flags.enumerated() where isSet { bytes[index / 8] |= 1 << UInt8(index % 8) }
    return bytes
  }

  private static func flags(_ bytes: UnsafeRawBufferPointer, _ count: Int) -> [Bool] {
    (0..<count).map { bytes[$0 / 8] >> UInt8($0 % 8) & 1 == 1 }
  }
}
