import CZstd

/// A file whose structure has been checked byte by byte, with the values of its columns.
///
/// Throws where lengths, offsets, counts or checksums do not agree, also where lenient readers would not notice.
struct CheckedFile {
  enum Value: Equatable {
    case null
    case integer(Int64)
    case number(Double)
    case bytes([UInt8])
    case list([Float])
  }

  struct Page {
    var entries: Int
    var encoding: Int
    var bytes: Int
  }

  struct Chunk {
    var pages: [Page]
    var dictionaryValues: Int?
    var encodings: [Int]
    var statistics: ThriftTree?
  }

  struct Damage: Error { var what: String }

  var footer: ThriftTree
  var names: [String] = []
  /// By column, all groups.
  var values: [String: [Value]] = [:]
  /// By group and column.
  var chunks: [[Chunk]] = []

  init(_ bytes: [UInt8]) throws {
    try Self.check(bytes.count >= 12 && bytes.prefix(4).elementsEqual("PAR1".utf8) && bytes.suffix(4).elementsEqual("PAR1".utf8), "marks")
    let length = bytes[(bytes.count - 8)..<(bytes.count - 4)].reversed().reduce(0) { $0 << 8 | Int($1) }
    var position = bytes.count - 8 - length
    let footerStart = position
    footer = try ThriftTree.structure(bytes, &position)
    try Self.check(position == bytes.count - 8, "the footer has \(position - footerStart) bytes, not \(length)")
    let leaves = try Self.leaves(footer)
    names = leaves.map(\.path[0])
    try Self.check(footer[7]?.elements.count == leaves.count, "one order a column")
    var offset = 4
    for group in footer[4]?.elements ?? [] {
      var found: [Chunk] = []
      let columns = group[1]?.elements ?? []
      try Self.check(columns.count == leaves.count, "columns of a group")
      for (leaf, column) in zip(leaves, columns) {
        let chunk = try Self.chunk(bytes, column, leaf, rows: group[3]?.integer ?? -1, at: &offset)
        found.append(chunk.0)
        values[leaf.path[0], default: []] += chunk.1
      }
      chunks.append(found)
    }
    try Self.check(offset == footerStart, "the pages end at \(offset), the footer begins at \(footerStart)")
    try Self.check(
      footer[3]?.integer == (footer[4]?.elements ?? []).reduce(0) { $0 + ($1[3]?.integer ?? 0) }, "rows of the file and of its groups")
    for name in names { try Self.check((values[name] ?? []).count == footer[3]?.integer, "rows of \(name)") }
  }

  private static func check(_ holds: Bool, _ what: String) throws { if !holds { throw Damage(what: what) } }

  private struct Leaf {
    var path: [String]
    var type: Int
    var isOptional: Bool
    var isList: Bool
  }

  private static func leaves(_ footer: ThriftTree) throws -> [Leaf] {
    var leaves: [Leaf] = []
    var elements = (footer[2]?.elements ?? [])[...]
    guard let root = elements.popFirst(), root[1] == nil else { throw Damage(what: "a schema without a root") }
    while let element = elements.popFirst() {
      let name = element[4]?.text ?? ""
      guard element[5] != nil else {
        leaves.append(Leaf(path: [name], type: element[1]?.integer ?? -1, isOptional: element[3]?.integer == 1, isList: false))
        continue
      }
      guard let group = elements.popFirst(), let leaf = elements.popFirst(), group[3]?.integer == 2 else { throw Damage(what: "a list") }
      leaves.append(
        Leaf(path: [name, group[4]?.text ?? "", leaf[4]?.text ?? ""], type: leaf[1]?.integer ?? -1, isOptional: false, isList: true))
    }
    try check(leaves.count == root[5]?.integer, "children of the root")
    return leaves
  }

  // MARK: One column of one group

  private static func chunk(
    _ bytes: [UInt8], _ column: ThriftTree, _ leaf: Leaf, rows: Int, at offset: inout Int
  ) throws -> (Chunk, [Value]) {
    guard let meta = column[3] else { throw Damage(what: "no metadata") }
    try check(meta[1]?.integer == leaf.type && meta[3]?.elements.map(\.text) == leaf.path, "type and path of \(leaf.path)")
    try check((meta[11] ?? meta[9])?.integer == offset, "\(leaf.path) begins at \(offset)")
    let start = offset
    let end = start + (meta[7]?.integer ?? 0)
    var (uncompressed, entries) = (0, 0)
    var dictionary: [Value]?
    var values: [Value] = []
    var pages: [Page] = []
    while offset < end {
      let headerAt = offset
      let header = try ThriftTree.structure(bytes, &offset)
      guard let size = header[2]?.integer, let stored = header[3]?.integer, offset + stored <= end else { throw Damage(what: "a page") }
      let raw = Array(bytes[offset..<(offset + stored)])
      try check(header[4]?.integer == Int(Int32(bitPattern: checksum(raw))), "the checksum of a page")
      uncompressed += offset - headerAt + size
      offset += stored
      var body = try Body(decompress(raw, codec: meta[4]?.integer ?? -1, size: size))
      if let head = header[7] {
        try check(dictionary == nil && pages.isEmpty, "the dictionary comes first")
        dictionary = try (0..<(head[1]?.integer ?? 0)).map { _ in try body.value(leaf.type) }
      } else {
        if pages.isEmpty { try check(headerAt == meta[9]?.integer, "the first page of values") }
        let count = header[5]?[1]?.integer ?? 0
        let encoding = header[5]?[2]?.integer ?? -1
        values += try body.rows(leaf.type, leaf.isList, leaf.isOptional, entries: count, dictionary: encoding == 8 ? dictionary : nil)
        pages.append(Page(entries: count, encoding: encoding, bytes: size))
        entries += count
      }
      try check(body.isEmpty, "bytes behind the values of a page")
    }
    try check(offset == end && uncompressed == meta[6]?.integer && entries == meta[5]?.integer, "sizes of \(leaf.path)")
    try check(values.count == rows, "\(leaf.path) has \(values.count) of \(rows) rows")
    return (
      Chunk(
        pages: pages, dictionaryValues: dictionary?.count, encodings: (meta[2]?.elements ?? []).compactMap(\.integer), statistics: meta[12]),
      values
    )
  }

  private static func decompress(_ raw: [UInt8], codec: Int, size: Int) throws -> [UInt8] {
    if codec == 0 { return raw }
    try check(codec == 6, "codec \(codec)")
    var body = [UInt8](repeating: 0, count: size)
    try check(ZSTD_decompress(&body, size, raw, raw.count) == size, "a page does not decompress to \(size) bytes")
    return body
  }

  /// Bit by bit, unlike the writer.
  private static func checksum(_ bytes: [UInt8]) -> UInt32 {
    var remainder = UInt32.max
    for byte in bytes {
      remainder ^= UInt32(byte)
      for _ in 0..<8 { remainder = remainder & 1 == 1 ? remainder >> 1 ^ 0xEDB8_8320 : remainder >> 1 }
    }
    return ~remainder
  }

  /// The rest of a page.
  private struct Body {
    let bytes: [UInt8]
    var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }
    var isEmpty: Bool { position == bytes.count }

    mutating func take(_ count: Int) throws -> ArraySlice<UInt8> {
      guard position + count <= bytes.count else { throw Damage(what: "a page ends too early") }
      defer { position += count }
      return bytes[position..<(position + count)]
    }

    mutating func unsigned(_ count: Int) throws -> UInt64 { try take(count).reversed().reduce(0) { $0 << 8 | UInt64($1) } }

    mutating func value(_ type: Int) throws -> Value {
      switch type {
      case 1: .integer(Int64(Int32(truncatingIfNeeded: try unsigned(4))))
      case 2: .integer(Int64(bitPattern: try unsigned(8)))
      case 4: .number(Double(Float(bitPattern: UInt32(try unsigned(4)))))
      case 5: .number(Double(bitPattern: try unsigned(8)))
      case 6: .bytes(Array(try take(Int(try unsigned(4)))))
      default: throw Damage(what: "type \(type)")
      }
    }

    /// Runs of equal or packed values.
    mutating func runs(width: Int, count: Int) throws -> [UInt32] {
      var found: [UInt32] = []
      while found.count < count {
        let header = Int(try ThriftTree.varint(bytes, &position))
        if header & 1 == 0 {
          found += [UInt32](repeating: UInt32(try unsigned((width + 7) / 8)), count: header >> 1)
        } else {
          let packed = Array(try take((header >> 1) * width))
          for index in 0..<((header >> 1) * 8) {
            found.append(
              (0..<width).reduce(0) { sum, bit in
                let place = index * width + bit
                return sum | UInt32(packed[place / 8] >> UInt8(place % 8) & 1) << UInt32(bit)
              })
          }
        }
      }
      guard found.count < count + 8 else { throw Damage(what: "more values than a page has") }
      return Array(found.prefix(count))
    }

    private mutating func levels(_ count: Int) throws -> [UInt32] {
      let end = Int(try unsigned(4)) + position
      let levels = try runs(width: 1, count: count)
      guard position == end else { throw Damage(what: "levels of the wrong length") }
      return levels
    }

    mutating func rows(_ type: Int, _ isList: Bool, _ isOptional: Bool, entries: Int, dictionary: [Value]?) throws -> [Value] {
      let repetitions = isList ? try levels(entries) : []
      let definitions = isList || isOptional ? try levels(entries) : [UInt32](repeating: 1, count: entries)
      let present = definitions.count { $0 == 1 }
      var stored: [Value]
      if let dictionary {
        let width = Int(try unsigned(1))
        stored = try runs(width: width, count: present).map { dictionary[Int($0)] }
      } else {
        stored = try (0..<present).map { _ in try value(type) }
      }
      stored.reverse()
      guard isList else { return definitions.map { $0 == 1 ? stored.removeLast() : .null } }
      var lists: [[Float]] = []
      for (repetition, definition) in zip(repetitions, definitions) {
        if repetition == 0 { lists.append([]) }
        if definition == 1, case .number(let number) = stored.removeLast() { lists[lists.count - 1].append(Float(number)) }
      }
      return lists.map { .list($0) }
    }
  }
}
