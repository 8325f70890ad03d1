import ParquetFiles

/// Small tables whose content follows from the number of the row, by the same rules as in `Tests/Platform/samples.py`.
struct SmallTables {
  let directory: String

  private func file(_ name: String, _ options: ParquetOptions, _ fill: (ParquetWriter) throws -> Void) throws {
    let sink = try ParquetFileSink(path: "\(directory)/\(name).parquet")
    let writer = ParquetWriter(to: sink, options: options, createdBy: "freshet version 0.0", metadata: [("sample", name)])
    try fill(writer)
    try writer.finish()
    try sink.close()
  }

  private static func small(_ compression: ParquetOptions.Compression = .zstd(level: 1)) -> ParquetOptions {
    var options = ParquetOptions(compression: compression)
    (options.groupRowsMax, options.pageRowsMax) = (400, 33)
    return options
  }

  func write() throws {
    for (codec, compression) in [("none", ParquetOptions.Compression.none), ("zstd", .zstd(level: 3))] {
      for (encoding, name) in [(ParquetEncoding.plain, "plain"), (.dictionary, "dictionary")] {
        for rows in [0, 1, 1_000] {
          try file("types-\(name)-\(codec)-\(rows)", Self.small(compression)) { try Self.types($0, encoding, rows: rows) }
        }
      }
    }
    try file("characters", ParquetOptions()) { try Self.characters($0) }
    try file("lists", Self.small()) { try Self.lists($0) }
    try file("nulls", Self.small()) { try Self.nulls($0) }
    var narrow = ParquetOptions()
    (narrow.dictionaryBytesMax, narrow.pageRowsMax, narrow.pageBytesMax) = (500, 50, 300)
    try file("overflow", narrow) { try Self.overflow($0) }
    var bounds = ParquetOptions()
    bounds.groupRowsMax = 10
    try file("bounds", bounds) { try Self.bounds($0) }
  }

  /// Every type, required and optional; every third and every fifth value of the optional columns is missing.
  private static func types(_ writer: ParquetWriter, _ encoding: ParquetEncoding, rows: Int) throws {
    let user = writer.text("user", encoding)
    let note = writer.text("note", isOptional: true, encoding)
    let blob = writer.bytes("blob", encoding)
    let small = writer.int32("small", encoding)
    let large = writer.int64("large", encoding)
    let single = writer.float("single", encoding)
    let double = writer.double("double", isOptional: true, encoding)
    let millis = writer.time("millis", .milliseconds, encoding)
    let micros = writer.time("micros", .microseconds, isUTC: false, isOptional: true, encoding)
    let constant = writer.int32("constant", isOptional: true, encoding)
    for row in 0..<rows {
      let name = "user \(row % 37) é日🎉"
      if encoding == .dictionary { try user.append(number: row % 37, name) } else { try user.append(name) }
      try note.append(row % 3 == 0 ? nil : String(repeating: "n", count: row % 11))
      let bytes = [UInt8(truncatingIfNeeded: row), 0, 255, UInt8(truncatingIfNeeded: row / 256)]
      try bytes.withUnsafeBytes { try blob.append($0) }
      small.append(Int32(truncatingIfNeeded: row &* 2_654_435_761))
      large.append(Int64(row) * Int64(row) * -1_000_003)
      single.append(Float(row % 19) / 4)
      double.append(row % 5 == 0 ? nil : Double(row) / 3)
      millis.append(1_700_000_000_000 + Int64(row))
      micros.append(row % 3 == 0 ? nil : -1_000_000 + Int64(row))
      constant.append(row % 3 == 0 ? nil : 7)
      try writer.endRow()
    }
  }

  /// Each row is one character, in the order of their numbers, without the surrogates.
  private static func characters(_ writer: ParquetWriter) throws {
    let text = writer.text("text")
    let code = writer.int32("code")
    for number in UInt32(0)...0x10FFFF {
      guard let scalar = Unicode.Scalar(number) else { continue }
      try text.append(String(Character(scalar)))
      code.append(Int32(number))
      try writer.endRow()
    }
  }

  /// Lists of 0 to 6 numbers.
  private static func lists(_ writer: ParquetWriter) throws {
    let id = writer.int32("id")
    let features = writer.floatList("features")
    for row in 0..<1_000 {
      id.append(Int32(row))
      features.append((0..<(row % 7)).map { Float(row) + Float($0) / 8 })
      try writer.endRow()
    }
  }

  private static func nulls(_ writer: ParquetWriter) throws {
    let text = writer.text("text", isOptional: true)
    let number = writer.int64("number", isOptional: true, .dictionary)
    let late = writer.text("late", isOptional: true)
    for row in 0..<1_000 {
      text.appendNull()
      number.appendNull()
      try late.append(row == 999 ? "at last" : nil)
      try writer.endRow()
    }
  }

  /// More distinct values than the dictionaries have room for.
  private static func overflow(_ writer: ParquetWriter) throws {
    let numbered = writer.text("numbered")
    let hashed = writer.text("hashed", isOptional: true)
    let number = writer.int64("number", .dictionary)
    for row in 0..<2_000 {
      try numbered.append(number: row / 3, "value \(row / 3)")
      try hashed.append(row % 4 == 0 ? nil : "text \(row / 5)" + String(repeating: "x", count: row == 777 ? 5_000 : 0))
      number.append(Int64(row / 2))
      try writer.endRow()
    }
  }

  /// Groups of ten rows for questions that skip groups by their ranges: texts that share long beginnings, zeros of both signs, NaN.
  private static func bounds(_ writer: ParquetWriter) throws {
    let name = writer.text("name")
    let long = writer.text("long")
    let value = writer.double("value")
    let zero = writer.float("zero")
    for row in 0..<100 {
      try name.append("u\(row)")
      // Lengths around the limit; the largest ends in characters of the highest bytes.
      try long.append(String(repeating: "a", count: 55 + row % 20) + "\u{10FFFF}" + String(row))
      value.append(row / 10 == 3 ? .nan : row % 10 == 9 ? .nan : Double(row))
      zero.append(row / 10 == 5 ? (row % 2 == 0 ? 0.0 : -0.0) : Float(row))
      try writer.endRow()
    }
  }
}
