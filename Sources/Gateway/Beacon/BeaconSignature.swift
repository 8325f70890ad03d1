import Digests
import Telemetry

/// The proof that the shop's server knows who looks at a page: HMAC-SHA-256 with the shop's secret over user id, a zero byte and day
/// (UTC, such as 2026-01-31), in hexadecimal digits.
///
/// It holds on its day, the day before and the day after, because pages stay open over midnight and clocks differ.
enum BeaconSignature {
  private static let dayMilliseconds: Int64 = 86_400_000

  static func text(_ user: [UInt8], milliseconds: Int64, secret: [UInt8]) -> String {
    let day = Timestamp.rfc3339(milliseconds: milliseconds).prefix(10)
    return HMACSHA256.code(user + [0] + Array(day.utf8), key: secret).hex
  }

  static func isValid(_ signature: String, user: [UInt8], now: Int64, secret: [UInt8]) -> Bool {
    let sent = Array(signature.lowercased().utf8)
    return [Int64(-1), 0, 1].contains { day in
      let expected = Array(text(user, milliseconds: now + day * dayMilliseconds, secret: secret).utf8)
      // All bytes are compared, so that the duration tells nothing.
      return sent.count == expected.count && zip(sent, expected).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
  }
}
