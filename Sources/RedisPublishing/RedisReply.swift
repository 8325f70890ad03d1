import CHiredis

/// A reply of Redis, copied out of hiredis.
public enum RedisReply: Equatable, Sendable {
  case status(String)
  case error(String)
  case integer(Int64)
  case bulk([UInt8])
  case null
  case array([RedisReply])

  /// The text of a status or a bulk string; `nil` for everything else.
  public var text: String? {
    switch self {
    case .status(let text): text
    case .bulk(let bytes): String(decoding: bytes, as: UTF8.self)
    default: nil
    }
  }

  public var bytes: [UInt8]? { if case .bulk(let bytes) = self { bytes } else { nil } }
  public var integer: Int64? { if case .integer(let value) = self { value } else { nil } }

  /// The fields of a hash, as HGETALL answers them.
  public var fields: [String: String]? {
    guard case .array(let entries) = self, entries.count.isMultiple(of: 2) else { return nil }
    var fields: [String: String] = [:]
    for index in stride(from: 0, to: entries.count, by: 2) {
      guard let name = entries[index].text, let value = entries[index + 1].text else { return nil }
      fields[name] = value
    }
    return fields
  }

  /// hiredis nests at most seven levels, so the recursion is bounded.
  init(_ reply: UnsafePointer<redisReply>) {
    let value = reply.pointee
    switch value.type {
    case REDIS_REPLY_STATUS: self = .status(Self.string(value))
    case REDIS_REPLY_ERROR: self = .error(Self.string(value))
    case REDIS_REPLY_INTEGER: self = .integer(Int64(value.integer))
    case REDIS_REPLY_STRING:
      self = .bulk(Array(UnsafeRawBufferPointer(start: value.str, count: value.len)))
    case REDIS_REPLY_ARRAY:
      self = .array((0..<value.elements).map { index in value.element[index].map { RedisReply($0) } ?? .null })
    default: self = .null
    }
  }

  static func string(_ value: redisReply) -> String {
    String(decoding: UnsafeRawBufferPointer(start: value.str, count: value.len), as: UTF8.self)
  }
}
