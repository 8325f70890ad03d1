import Foundation
import ParquetFiles

/// Interactions as an archive holds them, with users and items that the caller has numbered.
struct LargeTable {
  let rows: Int
  let compression: ParquetOptions.Compression

  private static let (users, items, types) = (200_000, 50_000, ["view", "cart", "purchase"])

  func write(in directory: String) throws {
    let userNames = (0..<Self.users).map { "user-\($0 &* 7_919 % 1_000_003)" }
    let itemNames = (0..<Self.items).map { "item-\($0)" }
    let path = "\(directory)/interactions-\(compression == .none ? "none" : "zstd").parquet"
    let before = Self.residentBytesMax()
    let began = ContinuousClock.now
    let sink = try ParquetFileSink(path: path)
    let writer = ParquetWriter(to: sink, options: ParquetOptions(compression: compression), createdBy: "freshet version 0.0")
    let user = writer.text("user")
    let item = writer.text("item")
    let type = writer.text("type")
    let strength = writer.float("strength", .dictionary)
    let time = writer.time("time", .milliseconds)
    let partition = writer.int32("partition", .dictionary)
    let offset = writer.int64("offset")
    var state: UInt64 = 42
    for row in 0..<rows {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let (someUser, someItem) = (Int(state >> 33) % Self.users, Int(state >> 13 & 0xFFFFF) * Int(state >> 40 & 0xFF) % Self.items)
      try user.append(number: someUser, userNames[someUser])
      try item.append(number: someItem, itemNames[someItem])
      let kind = Int(state >> 60) % 3
      try type.append(number: kind, Self.types[kind])
      strength.append(Float(1 + kind * 2))
      time.append(1_700_000_000_000 + Int64(row) * 37 + Int64(state >> 55))
      partition.append(Int32(someUser % 8))
      offset.append(Int64(row / 8))
      try writer.endRow()
    }
    let summary = try writer.finish()
    let written = ContinuousClock.now - began
    try sink.close()
    let seconds = Double(written.components.seconds) + Double(written.components.attoseconds) / 1e18
    print(
      "{\"file\":\"\(path)\",\"rows\":\(summary.rows),\"groups\":\(summary.groups),\"bytes\":\(summary.bytes),\"seconds\":\(seconds),"
        + "\"resident_bytes\":\(Self.residentBytesMax()),\"resident_bytes_before\":\(before)}")
  }

  /// The most memory that this process has had. `getrusage` would also count the process that started this one.
  private static func residentBytesMax() -> Int {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    return (line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 1024
  }
}
