import COpenSSL

/// Signature version 4 as its specification describes it, for tests: it is compared with botocore's signatures, and then with those of
/// real requests.
struct SignatureReference {
  var secretKey: String
  var region: String

  /// - Parameters:
  ///   - headers: those that are signed, by name in lower case.
  ///   - date: of `x-amz-date`.
  func signature(_ method: String, target: String, headers: [String: String], digest: String, date: String) -> String {
    let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    let names = headers.keys.sorted()
    let canonical =
      [method, String(parts[0]), parts.count > 1 ? String(parts[1]) : ""]
      + names.map { "\($0):\(headers[$0] ?? "")" } + ["", names.joined(separator: ";"), digest]
    let day = String(date.prefix(8))
    let scope = "\(day)/\(region)/s3/aws4_request"
    let text = ["AWS4-HMAC-SHA256", date, scope, Self.hex(Self.hash(Array(canonical.joined(separator: "\n").utf8)))].joined(separator: "\n")
    let key = [day, region, "s3", "aws4_request"].reduce(Array("AWS4\(secretKey)".utf8)) { Self.code($0, Array($1.utf8)) }
    return Self.hex(Self.code(key, Array(text.utf8)))
  }

  static func hash(_ bytes: [UInt8]) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 32)
    SHA256(bytes, bytes.count, &digest)
    return digest
  }

  /// HMAC with SHA-256.
  private static func code(_ key: [UInt8], _ message: [UInt8]) -> [UInt8] {
    let short = key.count > 64 ? hash(key) : key
    let padded = short + [UInt8](repeating: 0, count: 64 - short.count)
    return hash(padded.map { $0 ^ 0x5C } + hash(padded.map { $0 ^ 0x36 } + message))
  }

  static func hex(_ bytes: [UInt8]) -> String { bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }
}
