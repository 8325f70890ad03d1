/// Writes Thrift's compact protocol, the form of every header and footer of a Parquet file.
struct ThriftCompactWriter {
  /// The types of the protocol, with the numbers that stand in headers.
  enum Kind: UInt8 {
    case yes = 1
    case no = 2
    case int32 = 5
    case int64 = 6
    case binary = 8
    case list = 9
    case structure = 12
  }

  let out: ByteBuffer
  /// The last field of the structure that is being written; fields are numbered by their distance.
  private var lastField: Int16 = 0

  init(_ out: ByteBuffer) { self.out = out }

  /// Writes a structure: its fields, then the mark of its end.
  mutating func structure(_ fields: (inout ThriftCompactWriter) -> Void) {
    let outer = lastField
    lastField = 0
    fields(&self)
    out.append(0)
    lastField = outer
  }

  mutating func field(_ id: Int16, _ fields: (inout ThriftCompactWriter) -> Void) {
    header(id, .structure)
    structure(fields)
  }

  mutating func field(_ id: Int16, _ value: Bool) { header(id, value ? .yes : .no) }

  mutating func field(_ id: Int16, int32 value: Int32) {
    header(id, .int32)
    zigzag(Int64(value))
  }

  mutating func field(_ id: Int16, int64 value: Int) {
    header(id, .int64)
    zigzag(Int64(value))
  }

  mutating func field(_ id: Int16, _ text: String) {
    header(id, .binary)
    element(text)
  }

  mutating func field(_ id: Int16, _ bytes: [UInt8]) {
    header(id, .binary)
    out.append(varint: UInt64(bytes.count))
    bytes.withUnsafeBytes { out.append($0) }
  }

  /// - Parameter count: how many elements are written, if one of `elements` stands for several.
  mutating func field<Element>(
    _ id: Int16, listOf kind: Kind, _ elements: [Element], count: Int? = nil, _ write: (inout ThriftCompactWriter, Element) -> Void
  ) {
    header(id, .list)
    let count = count ?? elements.count
    if count < 15 {
      out.append(UInt8(count) << 4 | kind.rawValue)
    } else {
      out.append(0xF0 | kind.rawValue)
      out.append(varint: UInt64(count))
    }
    for element in elements { write(&self, element) }
  }

  mutating func element(_ text: String) {
    out.append(varint: UInt64(text.utf8.count))
    out.append(text)
  }

  mutating func element(_ value: Int32) { zigzag(Int64(value)) }

  private mutating func header(_ id: Int16, _ kind: Kind) {
    let distance = id - lastField
    precondition(distance > 0, "fields of a structure are written in ascending order")
    if distance < 16 {
      out.append(UInt8(distance) << 4 | kind.rawValue)
    } else {
      out.append(kind.rawValue)
      zigzag(Int64(id))
    }
    lastField = id
  }

  /// The sign goes into the lowest bit. A number of 32 bits gives the same bytes as the same number in 64 bits.
  private func zigzag(_ value: Int64) { out.append(varint: UInt64(bitPattern: value << 1 ^ value >> 63)) }
}
