/// Reads Thrift's compact protocol into a tree, for tests. It shares no code with the writer.
indirect enum ThriftTree: Equatable {
  case flag(Bool)
  case integer(Int64)
  case binary([UInt8])
  case list([ThriftTree])
  case structure([Int: ThriftTree])

  struct Damage: Error { var what: String }

  subscript(_ field: Int) -> ThriftTree? { if case .structure(let fields) = self { fields[field] } else { nil } }

  var integer: Int? { if case .integer(let value) = self { Int(value) } else { nil } }
  var text: String? { if case .binary(let bytes) = self { String(validating: bytes, as: UTF8.self) } else { nil } }
  var bytes: [UInt8]? { if case .binary(let bytes) = self { bytes } else { nil } }
  var elements: [ThriftTree] { if case .list(let elements) = self { elements } else { [] } }

  /// Reads one structure; `position` is then behind it.
  static func structure(_ bytes: [UInt8], _ position: inout Int) throws -> ThriftTree {
    var fields: [Int: ThriftTree] = [:]
    var last = 0
    while true {
      let header = try byte(bytes, &position)
      if header == 0 { return .structure(fields) }
      let distance = Int(header >> 4)
      last = distance == 0 ? Int(try zigzag(bytes, &position)) : last + distance
      guard fields[last] == nil else { throw Damage(what: "field \(last) comes twice") }
      fields[last] = try value(header & 15, bytes, &position)
    }
  }

  private static func value(_ kind: UInt8, _ bytes: [UInt8], _ position: inout Int) throws -> ThriftTree {
    switch kind {
    case 1: return .flag(true)
    case 2: return .flag(false)
    case 4, 5, 6: return .integer(try zigzag(bytes, &position))
    case 8:
      let count = Int(try varint(bytes, &position))
      guard position + count <= bytes.count else { throw Damage(what: "a text ends behind the end") }
      defer { position += count }
      return .binary(Array(bytes[position..<(position + count)]))
    case 9:
      let header = try byte(bytes, &position)
      let count = header >> 4 == 15 ? Int(try varint(bytes, &position)) : Int(header >> 4)
      return .list(try (0..<count).map { _ in try value(header & 15, bytes, &position) })
    case 12: return try structure(bytes, &position)
    default: throw Damage(what: "a value of the kind \(kind)")
    }
  }

  private static func byte(_ bytes: [UInt8], _ position: inout Int) throws -> UInt8 {
    guard position < bytes.count else { throw Damage(what: "it ends too early") }
    defer { position += 1 }
    return bytes[position]
  }

  static func varint(_ bytes: [UInt8], _ position: inout Int) throws -> UInt64 {
    var (value, shift) = (UInt64(0), UInt64(0))
    while true {
      let next = try byte(bytes, &position)
      value |= UInt64(next & 0x7F) << shift
      if next < 0x80 { return value }
      shift += 7
    }
  }

  private static func zigzag(_ bytes: [UInt8], _ position: inout Int) throws -> Int64 {
    let raw = try varint(bytes, &position)
    return Int64(bitPattern: raw >> 1) ^ -Int64(bitPattern: raw & 1)
  }
}
