/// The events of items, by item number, in fixed windows that end with the newest event (`FRW1`).
///
/// All numbers are little-endian:
/// ```
/// "FRW1", made at (ms since 1970) i64, counted from (ms) i64, number of windows u32;
/// for each window: seconds u32, items u32, then for each item, in ascending order of the numbers,
/// the difference to the number before as a varint (the first as it is), and the number of events as a varint.
/// ```
/// An item number is valid under the condition that `TrendBlob` names, with `madeAtMilliseconds` of this value.
public struct TrendingBlob: Sendable, Equatable {
  public struct Entry: Sendable, Equatable {
    public var item: Int32
    public var events: UInt32
    public init(item: Int32, events: UInt32) {
      self.item = item
      self.events = events
    }
  }

  public var madeAtMilliseconds: Int64
  /// When counting began: a window that reaches further back is not complete.
  public var countedFromMilliseconds: Int64
  /// Entries ascending by item.
  public var windows: [TrendingWindow: [Entry]]

  private static let magic = "FRW1"
  private static let windowsMax = 16

  public init(madeAtMilliseconds: Int64, countedFromMilliseconds: Int64, windows: [TrendingWindow: [Entry]]) {
    self.madeAtMilliseconds = madeAtMilliseconds
    self.countedFromMilliseconds = countedFromMilliseconds
    self.windows = windows
  }

  public func encoded() -> [UInt8] {
    var writer = ByteWriter(capacity: 32 + windows.values.reduce(0) { $0 + 8 + 5 * $1.count })
    writer.append(Self.magic.utf8)
    writer.append(madeAtMilliseconds)
    writer.append(countedFromMilliseconds)
    writer.append(UInt32(windows.count))
    for window in TrendingWindow.allCases {
      guard let entries = windows[window] else { continue }
      writer.append(UInt32(window.seconds))
      writer.append(UInt32(entries.count))
      var before: Int32 = 0
      for entry in entries {
        precondition(entry.item >= before, "entries are ascending by item")
        writer.appendVarint(UInt32(entry.item - before))
        writer.appendVarint(entry.events)
        before = entry.item
      }
    }
    return writer.bytes
  }

  public init(decoding bytes: [UInt8]) throws(ServingFormatError) {
    self = try bytes.withReader { reader throws(ServingFormatError) in
      try reader.expect(magic: Self.magic)
      let madeAt = try reader.number(Int64.self)
      let from = try reader.number(Int64.self)
      let count = Int(try reader.number(UInt32.self))
      guard count <= Self.windowsMax else { throw ServingFormatError("it announces \(count) windows") }
      var windows: [TrendingWindow: [Entry]] = [:]
      for _ in 0..<count {
        let seconds = Int(try reader.number(UInt32.self))
        let entries = try Self.entries(&reader)
        // A window that this version does not know is skipped.
        if let window = TrendingWindow.allCases.first(where: { $0.seconds == seconds }) { windows[window] = entries }
      }
      try reader.expectEnd()
      return TrendingBlob(madeAtMilliseconds: madeAt, countedFromMilliseconds: from, windows: windows)
    }
  }

  private static func entries(_ reader: inout ByteReader) throws(ServingFormatError) -> [Entry] {
    let count = Int(try reader.number(UInt32.self))
    // Each entry has at least two bytes.
    guard count <= reader.left / 2 else { throw ServingFormatError("it announces \(count) items and has \(reader.left) bytes left") }
    var entries: [Entry] = []
    entries.reserveCapacity(count)
    var item: UInt32 = 0
    for _ in 0..<count {
      let (next, overflows) = item.addingReportingOverflow(try reader.varint())
      guard !overflows, next <= UInt32(Int32.max) else { throw ServingFormatError("it has an item number of more than 31 bits") }
      item = next
      entries.append(Entry(item: Int32(item), events: try reader.varint()))
    }
    return entries
  }
}
