import ServingFormats

/// The counter as bytes, for a snapshot: what was counted survives a restart with the offsets up to which it was.
extension TrendWindows {
  private static let version: UInt8 = 1
  /// Times that are further from 1970 are of no event, and would overflow.
  private static let numberMax = Int64.max / 86_400_000

  public func encoded() -> [UInt8] {
    var writer = ByteWriter()
    writer.write(Self.version)
    writer.write(countedFromMilliseconds ?? Int64.min)
    for window in TrendingWindow.allCases {
      let ring = ring(window)
      var used = ring.intervals.compactMap { $0 }.sorted { $0.number < $1.number }
      if let newest = ring.newest { used.append(TrendRing.Interval(number: newest, entries: ring.open.entries)) }
      writer.write(count: used.count)
      for interval in used {
        writer.write(interval.number)
        writer.write(count: interval.entries.count)
        for entry in interval.entries {
          writer.write(entry.item)
          writer.write(entry.count)
        }
      }
    }
    return writer.bytes
  }

  /// - Parameters:
  ///   - items: the number of items; a higher one is refused.
  ///   - path: of the file, for errors.
  public init(decoding bytes: [UInt8], items: Int, itemsMax: Int = Self.itemsMaxDefault, path: String) throws {
    self = try bytes.withUnsafeBytes { buffer in
      var reader = ByteReader(buffer, path: path)
      func fault(_ what: String) -> SnapshotError { SnapshotError(.malformed("trend windows: \(what)"), path: path) }
      let version: UInt8 = try reader.read()
      guard version == Self.version else { throw fault("version \(version)") }
      let from: Int64 = try reader.read()
      var intervals: [TrendingWindow: [TrendRing.Interval]] = [:]
      for window in TrendingWindow.allCases {
        for _ in 0..<(try reader.readCount(each: 16)) {
          var interval = TrendRing.Interval(number: try reader.read())
          guard interval.number != .min, abs(interval.number) < Self.numberMax else { throw fault("an interval at \(interval.number)") }
          for _ in 0..<(try reader.readCount(each: 8)) {
            let entry = TrendRing.Entry(item: try reader.read(), count: try reader.read())
            guard entry.item >= 0, Int(entry.item) < items else { throw fault("item \(entry.item) of \(items)") }
            interval.entries.append(entry)
          }
          intervals[window, default: []].append(interval)
        }
      }
      guard reader.remaining == 0 else { throw fault("bytes after the end") }
      return TrendWindows(itemsMax: itemsMax, countedFrom: from == .min ? nil : from, intervals)
    }
  }
}
