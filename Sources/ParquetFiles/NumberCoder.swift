/// Encodes the pages of a column of numbers, whatever their type.
///
/// Its loops are generic functions that are called with a type known here, so that they are compiled for it: the columns themselves are
/// generic and used by other modules.
final class NumberCoder {
  /// More values than that are no dictionary: looking them up would cost more than it saves.
  private static let dictionaryValuesMax = 1 << 16

  private let type: ParquetNumberType
  private let usesDictionary: Bool
  private let dictionaryBytesMax: Int
  private var isDictionaryOpen: Bool
  /// The values of the dictionary in the order of their numbers.
  private let entries = ByteBuffer()
  private var entryCount = 0
  /// Open addressing: number + 1 of an entry, 0 for none.
  private var slots: UnsafeMutableBufferPointer<UInt32>
  private let multiplier = UInt64.random(in: .min ... .max) | 1
  private let numbers: UnsafeMutableBufferPointer<UInt32>
  /// The range of the values so far, each bound as it is stored; empty if there is none.
  private var (minimum, maximum): ([UInt8], [UInt8]) = ([], [])

  init(_ type: ParquetNumberType, _ encoding: ParquetEncoding, _ options: ParquetOptions) {
    self.type = type
    usesDictionary = encoding == .dictionary
    isDictionaryOpen = usesDictionary
    dictionaryBytesMax = options.dictionaryBytesMax
    slots = .allocate(capacity: usesDictionary ? 256 : 0)
    slots.initialize(repeating: 0)
    numbers = .allocate(capacity: usesDictionary ? options.pageRowsMax : 0)
  }

  deinit {
    slots.deallocate()
    numbers.deallocate()
  }

  /// Appends the values as they stand in a page.
  func encode(_ values: UnsafeRawPointer, count: Int, to body: ByteBuffer) -> PageEncoder.StoredEncoding {
    switch type {
    case .int32: encode(UnsafeBufferPointer(start: values.assumingMemoryBound(to: Int32.self), count: count), to: body)
    case .int64: encode(UnsafeBufferPointer(start: values.assumingMemoryBound(to: Int64.self), count: count), to: body)
    case .float: encode(UnsafeBufferPointer(start: values.assumingMemoryBound(to: Float.self), count: count), to: body)
    case .double: encode(UnsafeBufferPointer(start: values.assumingMemoryBound(to: Double.self), count: count), to: body)
    }
  }

  var dictionary: (values: Int, bytes: UnsafeRawBufferPointer)? { entryCount == 0 ? nil : (entryCount, entries.bytes) }

  var range: (minimum: [UInt8], maximum: [UInt8])? { minimum.isEmpty ? nil : (minimum, maximum) }

  func resetGroup() {
    isDictionaryOpen = usesDictionary
    entries.removeAll()
    entryCount = 0
    slots.update(repeating: 0)
    (minimum, maximum) = ([], [])
  }

  // MARK: For one type

  private func encode<Value: CodedNumber>(_ values: UnsafeBufferPointer<Value>, to body: ByteBuffer) -> PageEncoder.StoredEncoding {
    include(values)
    // A page of missing values only needs no dictionary.
    if isDictionaryOpen, !values.isEmpty {
      if number(values) {
        let width = BitRuns.width(count: entryCount)
        body.append(UInt8(width))
        BitRuns.append(UnsafeBufferPointer(rebasing: numbers[..<values.count]), width: width, to: body)
        return .dictionary
      }
      isDictionaryOpen = false
    }
    body.append(UnsafeRawBufferPointer(values))
    return .plain
  }

  /// Extends the range. Nothing compares with NaN, so it never becomes a bound.
  private func include<Value: CodedNumber>(_ values: UnsafeBufferPointer<Value>) {
    func bound(_ bytes: [UInt8], or empty: Value) -> Value { bytes.isEmpty ? empty : bytes.withUnsafeBytes { $0.load(as: Value.self) } }
    var (low, high) = (bound(minimum, or: Value.highest), bound(maximum, or: Value.lowest))
    for index in 0..<values.count {
      let value = values[index]
      if value < low { low = value }
      if value > high { high = value }
    }
    guard low <= high else { return }
    minimum = withUnsafeBytes(of: low.asMinimum, Array.init)
    maximum = withUnsafeBytes(of: high.asMaximum, Array.init)
  }

  /// Replaces the values by their numbers. Returns whether the dictionary had room for all of them.
  private func number<Value: CodedNumber>(_ values: UnsafeBufferPointer<Value>) -> Bool {
    let entriesMax = min(dictionaryBytesMax / MemoryLayout<Value>.size, Self.dictionaryValuesMax)
    let (slots, numbers, multiplier) = (slots, numbers, multiplier)
    let mask = slots.count - 1
    var (last, lastNumber) = (values[0].pattern, UInt32.max)
    for row in 0..<values.count {
      let pattern = values[row].pattern
      if pattern != last || lastNumber == .max {
        var slot = Self.home(pattern, multiplier) & mask
        while slots[slot] != 0, entry(slots[slot] - 1, Value.self).pattern != pattern { slot = (slot + 1) & mask }
        if slots[slot] == 0 {
          guard entryCount < entriesMax else { return false }
          withUnsafeBytes(of: values[row]) { entries.append($0) }
          entryCount += 1
          slots[slot] = UInt32(entryCount)
          if entryCount * 2 > slots.count {
            grow(Value.self)
            return number(values)
          }
        }
        (last, lastNumber) = (pattern, slots[slot] - 1)
      }
      numbers[row] = lastNumber
    }
    return true
  }

  private func entry<Value: CodedNumber>(_ number: UInt32, _ type: Value.Type) -> Value {
    entries.base.load(fromByteOffset: Int(number) * MemoryLayout<Value>.size, as: Value.self)
  }

  private static func home(_ pattern: UInt64, _ multiplier: UInt64) -> Int {
    Int(truncatingIfNeeded: (pattern ^ pattern >> 32) &* multiplier >> 40)
  }

  private func grow<Value: CodedNumber>(_ type: Value.Type) {
    let larger = UnsafeMutableBufferPointer<UInt32>.allocate(capacity: slots.count * 4)
    larger.initialize(repeating: 0)
    for number in 0..<UInt32(entryCount) {
      var slot = Self.home(entry(number, type).pattern, multiplier) & (larger.count - 1)
      while larger[slot] != 0 { slot = (slot + 1) & (larger.count - 1) }
      larger[slot] = number + 1
    }
    slots.deallocate()
    slots = larger
  }
}
