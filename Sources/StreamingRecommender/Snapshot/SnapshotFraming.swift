import CKernels

/// The framing of a snapshot file: a header with the version, followed by sections, each with kind, version, flags, length and checksum.
/// The last section has kind `end`.
///
/// schemas/snapshot-format.md specifies the format.
enum SnapshotFraming {
  /// Section kinds. Numbers are never reused.
  enum Kind: UInt32 {
    case engine = 1
    case offsets, items, trend, model, users, end, transitions, partition, lifecycle, forgotten, deadLetters, recent, merged, goneItems,
      itemPrior
    case retrainPause, promotion
    /// Of stored models, which are no snapshots.
    case storedModel, storedItems
    case trendWindows
  }

  /// One section as read from the file.
  struct Section {
    var kind: UInt32
    var version: UInt16
    /// Readers that do not know the section may skip it.
    var isOptional: Bool
    var payload: UnsafeRawBufferPointer
  }

  static let magic: [UInt8] = Array("FRSNAPSH".utf8)
  private static let optionalFlag: UInt16 = 1

  static func header(version: UInt32) -> [UInt8] {
    var writer = ByteWriter()
    for byte in magic { writer.write(byte) }
    writer.write(version)
    // The header has its own checksum, so that a corrupt version is not mistaken for another format version.
    writer.write(writer.bytes.withUnsafeBytes { freshet_crc32c(0, $0.baseAddress, $0.count) })
    return writer.bytes
  }

  static func readHeader(_ reader: inout ByteReader, _ bytes: UnsafeRawBufferPointer, path: String) throws -> UInt32 {
    guard bytes.count >= magic.count else { throw SnapshotError(.truncated(atByte: bytes.count), path: path) }
    guard try Array(reader.readBytes(magic.count)) == magic else { throw SnapshotError(.notASnapshot, path: path) }
    let version: UInt32 = try reader.read()
    let sum = freshet_crc32c(0, bytes.baseAddress, reader.position)
    guard try reader.read() == sum else { throw SnapshotError(.checksumMismatch(section: "header"), path: path) }
    return version
  }

  static func write(
    _ kind: Kind, version: UInt16 = 1, isOptional: Bool = false, to sink: SnapshotSink, _ body: (inout ByteWriter) -> Void
  ) throws {
    var payload = ByteWriter()
    body(&payload)
    var header = sectionHeader(kind.rawValue, version, isOptional, length: UInt64(payload.bytes.count))
    let sum = checksum(header.bytes, payload: payload.bytes)
    header.write(sum)
    try header.bytes.withUnsafeBytes(sink)
    try payload.bytes.withUnsafeBytes { if !$0.isEmpty { try sink($0) } }
  }

  private static func sectionHeader(_ kind: UInt32, _ version: UInt16, _ isOptional: Bool, length: UInt64) -> ByteWriter {
    var header = ByteWriter()
    header.write(kind)
    header.write(version)
    header.write(isOptional ? optionalFlag : 0)
    header.write(length)
    return header
  }

  /// The checksum includes the section header, so a corrupt kind or length is detected.
  private static func checksum(_ header: [UInt8], payload: [UInt8]) -> UInt32 {
    payload.withUnsafeBytes { checksum(header, $0) }
  }

  static func checksum(_ header: [UInt8], _ payload: UnsafeRawBufferPointer) -> UInt32 {
    let sum = header.withUnsafeBytes { freshet_crc32c(0, $0.baseAddress, $0.count) }
    return freshet_crc32c(sum, payload.baseAddress, payload.count)
  }

  static func readSection(_ reader: inout ByteReader, path: String) throws -> Section {
    let kind: UInt32 = try reader.read()
    let version: UInt16 = try reader.read()
    let flags: UInt16 = try reader.read()
    let length: UInt64 = try reader.read()
    let sum: UInt32 = try reader.read()
    let payload = try readPayload(&reader, length, path)
    let header = sectionHeader(kind, version, flags & optionalFlag != 0, length: length)
    guard flags & ~optionalFlag == 0, checksum(header.bytes, payload) == sum else {
      throw SnapshotError(.checksumMismatch(section: name(kind)), path: path)
    }
    return Section(kind: kind, version: version, isOptional: flags & optionalFlag != 0, payload: payload)
  }

  static func readPayload(_ reader: inout ByteReader, _ length: UInt64, _ path: String) throws -> UnsafeRawBufferPointer {
    guard length <= UInt64(reader.remaining) else {
      throw SnapshotError(.truncated(atByte: reader.position + reader.remaining), path: path)
    }
    return try reader.readBytes(Int(length))
  }

  static func name(_ kind: UInt32) -> String { Kind(rawValue: kind).map { "\($0)" } ?? "\(kind)" }
}
