/// The decayed event counts of all items by item number (`FRT1`): the popular list, and the trend that is added to scores.
///
/// All numbers are little-endian:
/// ```
/// "FRT1", items u32, made at (ms since 1970) i64, numbers since (ms) i64, numbers kept u32,
/// growth f64, weight f32, weight without taste f32, accumulators: items x f32.
/// ```
/// The decayed count of an item is accumulator / growth. A score gains weight x accumulator; for a user whose vector is zero,
/// weight without taste x accumulator.
///
/// Item numbers below `numbersKept` have kept their meaning for good. An engine that restarts may give higher numbers to other items than
/// before, so a row or a pack with such a number is valid only if it was made at or after `numbersSinceMilliseconds`.
public struct TrendBlob: Sendable, Equatable {
  public var madeAtMilliseconds: Int64
  public var numbersSinceMilliseconds: Int64
  public var numbersKept: Int
  public var growth: Double
  public var weight: Float
  public var weightWithoutTaste: Float
  public var accumulators: [Float]

  private static let magic = "FRT1"

  public init(
    madeAtMilliseconds: Int64, numbersSinceMilliseconds: Int64, numbersKept: Int, growth: Double, weight: Float,
    weightWithoutTaste: Float, accumulators: [Float]
  ) {
    self.madeAtMilliseconds = madeAtMilliseconds
    self.numbersSinceMilliseconds = numbersSinceMilliseconds
    self.numbersKept = numbersKept
    self.growth = growth
    self.weight = weight
    self.weightWithoutTaste = weightWithoutTaste
    self.accumulators = accumulators
  }

  /// The decayed number of events of an item.
  public func decayedCount(_ item: Int32) -> Float {
    Int(item) < accumulators.count ? Float(Double(accumulators[Int(item)]) / growth) : 0
  }

  /// Whether every item number up to `item` in a value that was made at `milliseconds` still means the same item.
  public func isValid(itemMax item: Int32, madeAtMilliseconds milliseconds: Int64) -> Bool {
    Int(item) < numbersKept || milliseconds >= numbersSinceMilliseconds
  }

  public func encoded() -> [UInt8] {
    var writer = ByteWriter(capacity: 48 + 4 * accumulators.count)
    writer.append(Self.magic.utf8)
    writer.append(UInt32(accumulators.count))
    writer.append(madeAtMilliseconds)
    writer.append(numbersSinceMilliseconds)
    writer.append(UInt32(numbersKept))
    writer.append(growth)
    writer.append(weight)
    writer.append(weightWithoutTaste)
    accumulators.withUnsafeBufferPointer { writer.append($0) }
    return writer.bytes
  }

  public init(decoding bytes: [UInt8]) throws(ServingFormatError) {
    self = try bytes.withReader { reader throws(ServingFormatError) in
      try reader.expect(magic: Self.magic)
      let items = Int(try reader.number(UInt32.self))
      let madeAt = try reader.number(Int64.self)
      let since = try reader.number(Int64.self)
      let kept = Int(try reader.number(UInt32.self))
      let growth = try reader.double()
      let weight = try reader.float()
      let without = try reader.float()
      let accumulators = try reader.floats(items)
      try reader.expectEnd()
      return TrendBlob(
        madeAtMilliseconds: madeAt, numbersSinceMilliseconds: since, numbersKept: kept, growth: growth, weight: weight,
        weightWithoutTaste: without, accumulators: accumulators)
    }
  }
}
