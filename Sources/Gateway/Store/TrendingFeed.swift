import RedisPublishing
import ServingFormats

/// Keeps what trends in step with Redis.
struct TrendingFeed {
  private let key: String
  private(set) var view: TrendingView?

  init(_ keys: RedisKeys) { key = keys.trending }

  /// Reads the value if there is a newer one. Returns whether it did.
  mutating func read(_ redis: RedisConnection) throws -> Bool {
    // Magic and time.
    guard let head = try redis.command(["GETRANGE", key, "0", "11"]).bytes, head.count == 12 else { return false }
    let madeAt = Int64(bitPattern: head[4..<12].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
    guard view?.madeAtMilliseconds != madeAt, let bytes = try redis.command(["GET", key]).bytes else { return false }
    do throws(ServingFormatError) { view = TrendingView(try TrendingBlob(decoding: bytes)) } catch {
      throw GatewayDataError("the value of \(key) cannot be read: \(error)")
    }
    return true
  }
}
