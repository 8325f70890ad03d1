import Foundation
import Pipeline
import StreamingRecommender
import Telemetry

/// A recommendation list as it is stored in Redis (`list_format` = `json`).
public enum ListFormat {
  /// One compact JSON object; scores are the shortest decimals that parse to the same 32-bit float.
  public static func encode(_ list: RecommendationList) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(96 + 28 * list.items.count)
    bytes += "{\"v\":1,\"epoch\":\(list.epoch),\"part\":\(list.partition),\"off\":\(list.offset)".utf8
    bytes += ",\"ts\":\(list.madeAtMilliseconds),\"src\":\"\(list.source.rawValue)\"".utf8
    if let filled = list.filledFrom { bytes += ",\"fill\":\(filled)".utf8 }
    append(list.items, to: &bytes)
    bytes.append(UInt8(ascii: "}"))
    return bytes
  }

  /// The member `items`.
  static func append(_ items: [RecommendedItem], to bytes: inout [UInt8]) {
    bytes += ",\"items\":[".utf8
    for (index, item) in items.enumerated() {
      precondition(item.score.isFinite, "scores must be finite, got \(item.score)")
      if index > 0 { bytes.append(UInt8(ascii: ",")) }
      bytes.append(UInt8(ascii: "["))
      JSONString.append(item.item.bytes, to: &bytes)
      bytes.append(UInt8(ascii: ","))
      bytes += item.score.description.utf8
      bytes.append(UInt8(ascii: "]"))
    }
    bytes.append(UInt8(ascii: "]"))
  }

  /// Reads a list. Unknown keys and an unknown `src` are accepted, another version `v` is refused.
  public static func decode(_ bytes: [UInt8]) throws -> RecommendationList {
    guard let object = try? JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any] else {
      throw RedisError(.foreign, "a stored list is not a JSON object")
    }
    guard (object["v"] as? NSNumber)?.intValue == 1 else {
      throw RedisError(.foreign, "a stored list has version \(object["v"] ?? "none"), this program reads version 1")
    }
    guard let epoch = (object["epoch"] as? NSNumber).flatMap({ UInt32(exactly: $0) }), let entries = object["items"] as? [[Any]]
    else { throw RedisError(.foreign, "a stored list lacks epoch or items") }
    let items = try entries.map { entry in
      guard entry.count >= 2, let item = entry[0] as? String, let score = entry[1] as? NSNumber else {
        throw RedisError(.foreign, "a stored list has an entry that is not [item, score]")
      }
      return RecommendedItem(item: Identifier(item), score: score.floatValue)
    }
    return RecommendationList(
      epoch: epoch, source: (object["src"] as? String).flatMap(RecommendationSource.init) ?? .personal,
      partition: (object["part"] as? NSNumber)?.int32Value ?? -1, offset: (object["off"] as? NSNumber)?.int64Value ?? -1,
      madeAtMilliseconds: (object["ts"] as? NSNumber)?.int64Value ?? 0, items: items,
      filledFrom: (object["fill"] as? NSNumber)?.intValue)
  }
}
