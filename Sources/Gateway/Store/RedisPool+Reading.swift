import RedisPublishing

/// Reading in pieces that keep within the bounds of a reply.
extension RedisConnection {
  private static let fieldsAtOnce = 256
  private static let scanCount = "128"

  /// The fields of a hash that exist.
  func fields(_ names: [String], of key: String) throws -> [String: [UInt8]] {
    var found: [String: [UInt8]] = [:]
    for start in stride(from: 0, to: names.count, by: Self.fieldsAtOnce) {
      let slice = names[start..<min(names.count, start + Self.fieldsAtOnce)]
      guard case .array(let replies) = try command(["HMGET", key] + slice) else { continue }
      for (name, reply) in zip(slice, replies) { if let bytes = reply.bytes { found[name] = bytes } }
    }
    return found
  }

  /// Every field of a hash; one that changes meanwhile may come twice.
  func scan(_ key: String, _ body: (_ field: String, _ value: [UInt8]) throws -> Void) throws {
    var cursor = "0"
    repeat {
      guard case .array(let reply) = try command(["HSCAN", key, cursor, "COUNT", Self.scanCount]), reply.count == 2,
        let next = reply[0].text, case .array(let entries) = reply[1], entries.count.isMultiple(of: 2)
      else { throw RedisError(.protocol, "the answer to HSCAN \(key) is no cursor with fields") }
      for index in stride(from: 0, to: entries.count, by: 2) {
        if let field = entries[index].text, let value = entries[index + 1].bytes { try body(field, value) }
      }
      cursor = next
    } while cursor != "0"
  }

  func integer(at key: String) throws -> Int64? { try command(["GET", key]).text.flatMap { Int64($0) } }
}
