import CZlib
import Factorization

/// A `.npz` file as `numpy.load` reads it: a zip archive, not compressed, of arrays in NumPy's format 1.0.
struct NumPyArchive {
  /// Without the 64-bit extension, sizes and offsets end there.
  private static let bytesMax = Int(UInt32.max)

  private let output: ExportOutput
  private var offset = 0
  private var directory: [UInt8] = []
  private var entries = 0

  init(to output: ExportOutput) { self.output = output }

  mutating func add<Value: BitwiseCopyable>(_ name: String, _ type: String, shape: [Int], _ values: [Value]) throws {
    try values.withUnsafeBytes { try add(name, type, shape, $0) }
  }

  /// Text as UTF-32, which NumPy has in arrays of text.
  mutating func add(_ name: String, _ texts: [[UInt8]]) throws {
    let scalars = texts.map { Array(String(decoding: $0, as: UTF8.self).unicodeScalars) }
    let width = max(1, scalars.reduce(0) { max($0, $1.count) })
    var flat = [UInt32](repeating: 0, count: width * texts.count)
    for (row, text) in scalars.enumerated() {
      for (place, scalar) in text.enumerated() { flat[row * width + place] = scalar.value.littleEndian }
    }
    try add(name, "<U\(width)", shape: [texts.count], flat)
  }

  private mutating func add(_ name: String, _ type: String, _ shape: [Int], _ values: UnsafeRawBufferPointer) throws {
    let content = Self.header(type, shape)
    let size = content.count + values.count
    guard offset + size < Self.bytesMax else {
      throw CommandFailure("an .npz file of more than 4 GiB is not written: export as parquet")
    }
    var checksum = content.withUnsafeBufferPointer { crc32_z(0, $0.baseAddress, $0.count) }
    if let start = values.bindMemory(to: UInt8.self).baseAddress { checksum = crc32_z(checksum, start, values.count) }
    let file = Array("\(name).npy".utf8)
    // Version 2.0, no flags, stored, midnight of 1980-01-01: the same content makes the same file.
    var common: [UInt8] = []
    Self.append([20, 0, 0, 0, 0x21] as [UInt16], to: &common)
    Self.append([UInt32(checksum), UInt32(size), UInt32(size)], to: &common)
    Self.append([UInt16(file.count), 0], to: &common)
    var head: [UInt8] = []
    Self.append([0x0403_4b50] as [UInt32], to: &head)
    head += common + file
    Self.append([0x0201_4b50] as [UInt32], to: &directory)
    Self.append([20] as [UInt16], to: &directory)
    directory += common
    Self.append([0, 0, 0] as [UInt16], to: &directory)
    Self.append([0, UInt32(offset)], to: &directory)
    directory += file
    try output.write(head + content)
    // Through the output's own buffer, so that the order is kept.
    try output.write(Array(values))
    offset += head.count + size
    entries += 1
  }

  /// What an array of NumPy's format 1.0 begins with: magic, version, and a dictionary padded to 64 bytes. The values follow, row by row.
  static func header(_ type: String, _ shape: [Int]) -> [UInt8] {
    let dimensions = shape.count == 1 ? "(\(shape[0]),)" : "(\(shape.map(String.init).joined(separator: ", ")))"
    var text = "{'descr': '\(type)', 'fortran_order': False, 'shape': \(dimensions), }"
    text += String(repeating: " ", count: 63 - (10 + text.utf8.count) % 64) + "\n"
    var bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0]
    append([UInt16(text.utf8.count)], to: &bytes)
    return bytes + Array(text.utf8)
  }

  private static func append<Value: FixedWidthInteger>(_ values: [Value], to bytes: inout [UInt8]) {
    for value in values { withUnsafeBytes(of: value.littleEndian) { bytes += $0 } }
  }

  mutating func finish() throws {
    var end = directory
    Self.append([0x0605_4b50] as [UInt32], to: &end)
    Self.append([0, 0, UInt16(entries), UInt16(entries)], to: &end)
    Self.append([UInt32(directory.count), UInt32(offset)], to: &end)
    Self.append([0] as [UInt16], to: &end)
    try output.write(end)
    try output.finish()
  }
}

/// Factors as `user_ids`, `user_factors`, `item_ids` and `item_factors`.
struct FactorArchive: ExportWriter {
  private let output: ExportOutput
  private var ids: (users: [[UInt8]], items: [[UInt8]]) = ([], [])
  private var factors: (users: [Float], items: [Float]) = ([], [])

  init(to output: ExportOutput) { self.output = output }

  mutating func append(_ row: [ExportValue]) throws {
    guard case .text(let kind) = row[0], case .text(let id) = row[1], case .floats(let vector) = row[3] else {
      preconditionFailure("a row that is not of factors")
    }
    if kind == Array("user".utf8) {
      ids.users.append(id)
      factors.users += vector
    } else {
      ids.items.append(id)
      factors.items += vector
    }
  }

  mutating func finish() throws {
    var archive = NumPyArchive(to: output)
    for (name, ids, factors) in [("user", ids.users, factors.users), ("item", ids.items, factors.items)] {
      try archive.add("\(name)_ids", ids)
      try archive.add("\(name)_factors", "<f4", shape: [ids.count, ids.isEmpty ? 0 : factors.count / ids.count], factors)
    }
    try archive.finish()
  }
}

/// Interactions as a matrix of users and items that `scipy.sparse.load_npz` reads, with `user_ids`, `item_ids` and the time of each entry.
struct MatrixArchive: ExportWriter {
  private let output: ExportOutput
  private var users: [[UInt8]] = []
  private var items: [[UInt8]: Int32] = [:]
  private var itemIDs: [[UInt8]] = []
  private var starts: [Int64] = []
  private var columns: [Int32] = []
  private var strengths: [Float] = []
  private var times: [Int64] = []

  init(to output: ExportOutput) { self.output = output }

  /// The rows of a user must follow each other.
  mutating func append(_ row: [ExportValue]) throws {
    guard case .text(let user) = row[0], case .text(let item) = row[1], case .float(let strength) = row[2], case .time(let time) = row[3]
    else { preconditionFailure("a row that is not an interaction") }
    if users.last != user {
      users.append(user)
      starts.append(Int64(columns.count))
    }
    let column = items[item] ?? Int32(itemIDs.count)
    if column == itemIDs.count {
      items[item] = column
      itemIDs.append(item)
    }
    columns.append(column)
    strengths.append(strength)
    times.append(time)
  }

  mutating func finish() throws {
    var archive = NumPyArchive(to: output)
    try archive.add("indices", "<i4", shape: [columns.count], columns)
    try archive.add("indptr", "<i8", shape: [users.count + 1], starts + [Int64(columns.count)])
    try archive.add("format", "|S3", shape: [], Array("csr".utf8))
    try archive.add("shape", "<i8", shape: [2], [Int64(users.count), Int64(itemIDs.count)])
    try archive.add("data", "<f4", shape: [strengths.count], strengths)
    try archive.add("user_ids", users)
    try archive.add("item_ids", itemIDs)
    try archive.add("time_ms", "<i8", shape: [times.count], times)
    try archive.finish()
  }
}
