/// Appends little-endian values to a byte array.
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

  /// Writes an optional byte string with a 32-bit length; `nil` is encoded as `UInt32.max`.
  mutating func write(blob: [UInt8]?) {
    write(UInt32(blob.map { $0.count } ?? Int(UInt32.max)))
    if let blob { bytes.append(contentsOf: blob) }
  }

  mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }
}

/// Reads values written by `ByteWriter`. Every length is checked against the remaining bytes before memory is allocated.
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

  /// Reads the number of entries of at least `each` bytes; throws if they cannot fit into the remaining bytes.
  mutating func readCount(each: Int) throws -> Int {
    let count: UInt64 = try read()
    guard count <= UInt64(remaining / max(1, each)) else {
      throw SnapshotError(.malformed("\(count) entries declared, but only \(remaining / max(1, each)) fit"), path: path)
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

  mutating func readFiniteFloats(_ count: Int) throws -> [Float] {
    let floats = try readFloats(count)
    guard floats.allSatisfy(\.isFinite) else { throw SnapshotError(.malformed("non-finite number"), path: path) }
    return floats
  }

  /// Reads a counter below 2^56, so that later increments cannot overflow.
  mutating func readCounter() throws -> Int {
    let value: UInt64 = try read()
    guard value < 1 << 56 else { throw SnapshotError(.malformed("counter \(value) is out of range"), path: path) }
    return Int(value)
  }

  /// Reads an offset or a timestamp in milliseconds since 1970, in `least` ..< 2^56.
  mutating func readBounded(least: Int64 = 0) throws -> Int64 {
    let value: Int64 = try read()
    guard value >= least, value < 1 << 56 else { throw SnapshotError(.malformed("offset or time \(value) is out of range"), path: path) }
    return value
  }

  mutating func readBytes(_ count: Int) throws -> UnsafeRawBufferPointer {
    guard count >= 0, remaining >= count else { throw SnapshotError(.truncated(atByte: bytes.count), path: path) }
    defer { position += count }
    return UnsafeRawBufferPointer(rebasing: bytes[position..<(position + count)])
  }

  mutating func readBlob() throws -> [UInt8]? {
    let count: UInt32 = try read()
    return count == .max ? nil : Array(try readBytes(Int(count)))
  }

  mutating func readName() throws -> [UInt8] {
    let count: UInt16 = try read()
    return Array(try readBytes(Int(count)))
  }
}
