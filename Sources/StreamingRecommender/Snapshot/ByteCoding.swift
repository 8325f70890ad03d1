/// Little-endian values appended to bytes.
struct ByteWriter {
  private(set) var bytes: [UInt8] = []

  mutating func write<Value: FixedWidthInteger>(_ value: Value) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }
  mutating func write(_ value: Float) { write(value.bitPattern) }
  mutating func write(_ value: Double) { write(value.bitPattern) }
  mutating func write(floats: some Collection<Float>) { for value in floats { write(value) } }
  mutating func write(count: Int) { write(UInt64(count)) }

  mutating func write(name: [UInt8]) {
    write(UInt16(name.count))
    bytes.append(contentsOf: name)
  }

  mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }
}

/// Reads what `ByteWriter` wrote; every length is checked against what is left before anything is allocated.
struct ByteReader {
  private let bytes: UnsafeRawBufferPointer
  private(set) var position = 0
  private let path: String

  init(_ bytes: UnsafeRawBufferPointer, path: String) {
    self.bytes = bytes
    self.path = path
  }

  var remaining: Int { bytes.count - position }

  mutating func read<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) throws -> Value {
    let size = MemoryLayout<Value>.size
    guard remaining >= size else { throw SnapshotError(.truncated(atByte: bytes.count), path: path) }
    defer { position += size }
    return Value(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: Value.self))
  }
  mutating func readFloat() throws -> Float { Float(bitPattern: try read()) }
  mutating func readDouble() throws -> Double { Double(bitPattern: try read()) }

  /// A count of things that take at least `each` bytes.
  mutating func readCount(each: Int) throws -> Int {
    let count: UInt64 = try read()
    guard count <= UInt64(remaining / max(1, each)) else {
      throw SnapshotError(.malformed("\(count) entries announced, room for \(remaining / max(1, each))"), path: path)
    }
    return Int(count)
  }

  mutating func readFloats(_ count: Int) throws -> [Float] {
    guard count >= 0, remaining / 4 >= count else { throw SnapshotError(.truncated(atByte: bytes.count), path: path) }
    defer { position += count * 4 }
    return (0..<count).map {
      Float(bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: position + $0 * 4, as: UInt32.self)))
    }
  }

  mutating func readBytes(_ count: Int) throws -> UnsafeRawBufferPointer {
    guard count >= 0, remaining >= count else { throw SnapshotError(.truncated(atByte: bytes.count), path: path) }
    defer { position += count }
    return UnsafeRawBufferPointer(rebasing: bytes[position..<(position + count)])
  }

  mutating func readName() throws -> [UInt8] {
    let count: UInt16 = try read()
    return Array(try readBytes(Int(count)))
  }
}
