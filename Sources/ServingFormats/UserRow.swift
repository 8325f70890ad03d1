/// What a reader needs to compute a user's list itself: the vector, the seen items and the boosts of transitions (`FRR1`).
///
/// Items are named by their permanent numbers, which `ItemPack` maps to ids. All numbers are little-endian:
/// ```
/// "FRR1", epoch u32, partition i32, offset i64, made at (ms since 1970) i64, factors u16, flags u16, seen u32, boosts u32,
/// vector: factors x f32,
/// seen items: varints, the first one as it is, each other as the difference to the one before,
/// boosts: for each a varint like those of the seen items, then f32.
/// ```
public struct UserRow: Sendable, Equatable {
  public struct Boost: Sendable, Equatable {
    public var item: Int32
    public var score: Float
    public init(item: Int32, score: Float) {
      self.item = item
      self.score = score
    }
  }

  /// Only a matrix of this epoch may be multiplied with `factors`.
  public var epoch: UInt32
  public var partition: Int32
  /// The last offset applied of this partition; (epoch, offset) is the version of the row, as of the list.
  public var offset: Int64
  public var madeAtMilliseconds: Int64
  /// Whether the vector is the result of a fold-in after an event, and not the one of the last training.
  public var isFoldedIn: Bool
  public var factors: [Float]
  /// Items that the user's list leaves out, ascending, at most `seenMax`.
  public var seen: [Int32]
  /// What transitions add to the scores of items, ascending by item, at most `boostsMax`.
  public var boosts: [Boost]

  public static let seenMax = 2_000
  public static let boostsMax = 100
  private static let magic = "FRR1"
  private static let headerBytes = 40
  private static let foldedIn: UInt16 = 1

  public init(
    epoch: UInt32, partition: Int32, offset: Int64, madeAtMilliseconds: Int64, isFoldedIn: Bool, factors: [Float], seen: [Int32],
    boosts: [Boost]
  ) {
    self.epoch = epoch
    self.partition = partition
    self.offset = offset
    self.madeAtMilliseconds = madeAtMilliseconds
    self.isFoldedIn = isFoldedIn
    self.factors = factors
    self.seen = seen
    self.boosts = boosts
  }

  /// The largest item number in the row; -1 without one.
  public var itemMax: Int32 { max(seen.last ?? -1, boosts.last?.item ?? -1) }

  public func encoded() -> [UInt8] {
    var writer = ByteWriter(capacity: Self.headerBytes + 4 * factors.count + 3 * seen.count + 7 * boosts.count)
    writer.append(Self.magic.utf8)
    writer.append(epoch)
    writer.append(partition)
    writer.append(offset)
    writer.append(madeAtMilliseconds)
    writer.append(UInt16(factors.count))
    writer.append(isFoldedIn ? Self.foldedIn : 0)
    writer.append(UInt32(seen.count))
    writer.append(UInt32(boosts.count))
    factors.withUnsafeBufferPointer { writer.append($0) }
    var before: Int32 = 0
    for item in seen {
      writer.appendVarint(UInt32(item - before))
      before = item
    }
    before = 0
    for boost in boosts {
      writer.appendVarint(UInt32(boost.item - before))
      writer.append(boost.score)
      before = boost.item
    }
    return writer.bytes
  }

  public init(decoding bytes: [UInt8]) throws(ServingFormatError) {
    self = try bytes.withReader { reader throws(ServingFormatError) in
      try reader.expect(magic: Self.magic)
      let epoch = try reader.number(UInt32.self)
      let partition = try reader.number(Int32.self)
      let offset = try reader.number(Int64.self)
      let madeAt = try reader.number(Int64.self)
      let factorCount = Int(try reader.number(UInt16.self))
      let flags = try reader.number(UInt16.self)
      let seenCount = Int(try reader.number(UInt32.self))
      let boostCount = Int(try reader.number(UInt32.self))
      let factors = try reader.floats(factorCount)
      // Each item takes a byte at least, so a false count cannot reserve more memory than the value has bytes.
      guard seenCount <= reader.left, boostCount <= reader.left / 5 else {
        throw ServingFormatError("it announces \(seenCount) seen items and \(boostCount) boosts and has \(reader.left) bytes left")
      }
      var item: Int32 = 0
      var seen: [Int32] = []
      seen.reserveCapacity(seenCount)
      for _ in 0..<seenCount {
        item = try Self.item(after: item, try reader.varint())
        seen.append(item)
      }
      item = 0
      var boosts: [Boost] = []
      boosts.reserveCapacity(boostCount)
      for _ in 0..<boostCount {
        item = try Self.item(after: item, try reader.varint())
        boosts.append(Boost(item: item, score: try reader.float()))
      }
      try reader.expectEnd()
      return UserRow(
        epoch: epoch, partition: partition, offset: offset, madeAtMilliseconds: madeAt, isFoldedIn: flags & Self.foldedIn != 0,
        factors: factors, seen: seen, boosts: boosts)
    }
  }

  private static func item(after item: Int32, _ step: UInt32) throws(ServingFormatError) -> Int32 {
    let (sum, isTooLarge) = item.addingReportingOverflow(Int32(truncatingIfNeeded: step))
    guard !isTooLarge, sum >= item, step <= UInt32(Int32.max) else { throw ServingFormatError("it has an item number above 2^31") }
    return sum
  }
}

extension [UInt8] {
  func withReader<R>(_ body: (inout ByteReader) throws(ServingFormatError) -> R) throws(ServingFormatError) -> R {
    let result = withUnsafeBytes { raw -> Result<R, ServingFormatError> in
      var reader = ByteReader(raw)
      do throws(ServingFormatError) { return .success(try body(&reader)) } catch { return .failure(error) }
    }
    return try result.get()
  }
}
