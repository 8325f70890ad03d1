import ServingFormats

/// The counter as bytes, for a snapshot: what was counted survives a restart with the offsets up to which it was.
extension TrendWindows {
  private static let version: UInt8 = 1

  public func encoded() -> [UInt8] {
    let all = folded()
    var writer = ByteWriter()
    writer.write(Self.version)
    writer.write(countedFromMilliseconds ?? Int64.min)
    writer.write(all.open.number)
    for window in TrendingWindow.allCases {
      let used = all.rings[window]?.intervals.filter { !$0.counts.isEmpty } ?? []
      writer.write(count: used.count)
      for interval in used {
        writer.write(interval.number)
        writer.write(count: interval.counts.count)
        for (item, count) in interval.counts.sorted(by: { $0.key < $1.key }) {
          writer.write(item)
          writer.write(count)
        }
      }
    }
    return writer.bytes
  }

  /// - Parameter path: of the file, for errors.
  public init(decoding bytes: [UInt8], itemsMax: Int = Self.itemsMaxDefault, path: String) throws {
    self = try bytes.withUnsafeBytes { buffer in
      var reader = ByteReader(buffer, path: path)
      let version: UInt8 = try reader.read()
      guard version == Self.version else { throw SnapshotError(.malformed("trend windows of version \(version)"), path: path) }
      let from: Int64 = try reader.read()
      let open = Interval(number: try reader.read())
      // Times far from any event would overflow.
      func check(_ number: Int64) throws {
        guard number == .min || abs(number / 2) < Int64.max / 86_400_000 else {
          throw SnapshotError(.malformed("an interval of trend windows at \(number)"), path: path)
        }
      }
      try check(open.number)
      var intervals: [TrendingWindow: [Interval]] = [:]
      for window in TrendingWindow.allCases {
        for _ in 0..<(try reader.readCount(each: 16)) {
          var interval = Interval(number: try reader.read())
          for _ in 0..<(try reader.readCount(each: 8)) {
            let item: Int32 = try reader.read()
            interval.counts[item] = try reader.read()
          }
          try check(interval.number)
          if interval.number != .min { intervals[window, default: []].append(interval) }
        }
      }
      guard reader.remaining == 0 else { throw SnapshotError(.malformed("bytes after the trend windows"), path: path) }
      return TrendWindows(itemsMax: itemsMax, countedFrom: from == .min ? nil : from, open: open, intervals)
    }
  }
}
