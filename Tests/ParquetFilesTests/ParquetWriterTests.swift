import Foundation
import ParquetFiles
import Testing

@Suite struct ParquetWriterTests {
  static let everyOption: [ParquetOptions] = [ParquetOptions.Compression.none, .zstd(level: 1), .zstd(level: 9)].flatMap { compression in
    [(1 << 20, 20_000), (100, 7), (64, 8), (1, 1)].map { groupRows, pageRows in
      var options = ParquetOptions(compression: compression)
      (options.groupRowsMax, options.pageRowsMax) = (groupRows, pageRows)
      return options
    }
  }

  private static func file(_ options: ParquetOptions = ParquetOptions(), _ fill: (ParquetWriter) throws -> Void) throws -> CheckedFile {
    let sink = ParquetMemorySink()
    let writer = ParquetWriter(to: sink, options: options, createdBy: "freshet version 1.2")
    try fill(writer)
    let summary = try writer.finish()
    #expect(summary.bytes == sink.bytes.count)
    let file = try CheckedFile(sink.bytes)
    #expect(file.footer[3]?.integer == summary.rows && file.chunks.count == summary.groups)
    return file
  }

  private static func text(_ value: String?) -> CheckedFile.Value { value.map { .bytes(Array($0.utf8)) } ?? .null }

  // MARK: Values

  @Test(arguments: everyOption, [ParquetEncoding.plain, .dictionary])
  func everyTypeReadsBack(options: ParquetOptions, encoding: ParquetEncoding) throws {
    let rows = 0..<301
    func number(_ row: Int) -> Double? { row % 4 == 1 ? nil : Double(row % 23) / 8 }
    func word(_ row: Int) -> String? { row % 5 == 2 ? nil : String(repeating: "é", count: row % 6) }
    let file = try Self.file(options) { writer in
      let (user, note) = (writer.text("user", encoding), writer.text("note", isOptional: true, encoding))
      let (small, large) = (writer.int32("small", isOptional: true, encoding), writer.int64("large", encoding))
      let (single, double) = (writer.float("single", encoding), writer.double("double", isOptional: true, encoding))
      let (list, time) = (writer.floatList("list"), writer.time("time", .microseconds, encoding))
      for row in rows {
        try user.append(number: row * row % 50, "user \(row * row % 50)")
        try note.append(word(row))
        small.append(row % 7 == 0 ? nil : Int32.min + Int32(row))
        large.append(Int64.max - Int64(row * row))
        single.append(Float(row) / 3)
        double.append(number(row))
        list.append((0..<(row % 5)).map { Float($0 - row) })
        time.append(Int64(row) - 100)
        try writer.endRow()
      }
    }
    #expect(file.names == ["user", "note", "small", "large", "single", "double", "list", "time"])
    #expect(file.values["user"] == rows.map { Self.text("user \($0 * $0 % 50)") })
    #expect(file.values["note"] == rows.map { Self.text(word($0)) })
    #expect(file.values["small"] == rows.map { $0 % 7 == 0 ? .null : .integer(Int64(Int32.min) + Int64($0)) })
    #expect(file.values["large"] == rows.map { .integer(Int64.max - Int64($0 * $0)) })
    #expect(file.values["single"] == rows.map { .number(Double(Float($0) / 3)) })
    #expect(file.values["double"] == rows.map { number($0).map { .number($0) } ?? .null })
    #expect(file.values["list"] == rows.map { row in .list((0..<(row % 5)).map { Float($0 - row) }) })
    #expect(file.values["time"] == rows.map { .integer(Int64($0) - 100) })
  }

  @Test func aTableWithoutRowsHasNoGroup() throws {
    let file = try Self.file { _ = $0.text("user") }
    #expect(file.chunks.isEmpty && file.footer[3]?.integer == 0 && file.footer[6]?.text == "freshet version 1.2")
  }

  /// Widths of numbers from 0 bits to 17, so that packed bits end at every place of a byte and a word.
  @Test(arguments: [1, 2, 3, 4, 5, 16, 17, 255, 256, 257, 4_096, 70_000]) func numbersOfEveryWidth(distinct: Int) throws {
    var options = ParquetOptions()
    (options.pageRowsMax, options.dictionaryBytesMax) = (distinct + 13, 1 << 26)
    let file = try Self.file(options) { writer in
      let (value, bytes) = (writer.int32("value", .dictionary), writer.bytes("bytes"))
      for row in 0..<(distinct + 13) {
        value.append(Int32(row % distinct))
        try withUnsafeBytes(of: Int32(row % distinct)) { try bytes.append($0) }
        try writer.endRow()
      }
    }
    #expect(file.values["value"] == (0..<(distinct + 13)).map { .integer(Int64($0 % distinct)) })
    #expect(file.values["bytes"] == (0..<(distinct + 13)).map { row in .bytes(withUnsafeBytes(of: Int32(row % distinct), Array.init)) })
    #expect(file.chunks[0][1].dictionaryValues == distinct)
  }

  @Test func rowsOfAColumnAtATime() throws {
    var options = ParquetOptions()
    (options.pageRowsMax, options.groupRowsMax) = (100, 1_000)
    let values = (0..<2_345).map { Int64($0) }
    let file = try Self.file(options) { writer in
      let (value, list) = (writer.int64("value"), writer.floatList("list"))
      for start in stride(from: 0, to: values.count, by: 470) {
        let part = values[start..<min(start + 470, values.count)]
        part.withUnsafeBufferPointer { value.append(contentsOf: $0) }
        for row in part { list.append([Float(row)]) }
        try writer.endRows(part.count)
      }
    }
    #expect(file.values["value"] == values.map { .integer($0) })
    #expect(file.chunks.count == 2)
  }

  // MARK: Dictionaries

  @Test func equalValuesAreStoredOnceAGroup() throws {
    var options = ParquetOptions()
    options.groupRowsMax = 50
    let file = try Self.file(options) { writer in
      let (numbered, hashed, number) = (writer.text("numbered"), writer.text("hashed"), writer.double("number", .dictionary))
      for row in 0..<100 {
        try numbered.append(number: row % 10, "value \(row % 10)")
        try hashed.append("value \(row % 10)")
        number.append(row % 2 == 0 ? 0.0 : -0.0)
        try writer.endRow()
      }
    }
    #expect(file.chunks.map { $0.map(\.dictionaryValues) } == [[10, 10, 2], [10, 10, 2]])
  }

  @Test func bytesAreAskedForOnceAGroup() throws {
    var options = ParquetOptions()
    options.groupRowsMax = 50
    var asked = 0
    _ = try Self.file(options) { writer in
      let user = writer.text("user")
      for row in 0..<200 {
        try user.append(number: row % 10) { take in
          asked += 1
          var text = "user \(row % 10)"
          text.withUTF8 { take(UnsafeRawBufferPointer($0)) }
        }
        try writer.endRow()
      }
    }
    #expect(asked == 40)
  }

  @Test func aDictionaryThatGrowsTooLargeEndsAndTheNextGroupHasOneAgain() throws {
    var options = ParquetOptions()
    (options.dictionaryBytesMax, options.groupRowsMax, options.pageRowsMax) = (400, 500, 40)
    func value(_ row: Int) -> Int { row < 500 ? row : row % 5 }
    let file = try Self.file(options) { writer in
      let (numbered, hashed, number) = (writer.text("numbered"), writer.text("hashed"), writer.int64("number", .dictionary))
      for row in 0..<1_000 {
        try numbered.append(number: value(row), "value \(value(row))")
        try hashed.append("value \(value(row))")
        number.append(Int64(value(row)))
        try writer.endRow()
      }
    }
    for name in ["numbered", "hashed"] { #expect(file.values[name] == (0..<1_000).map { Self.text("value \(value($0))") }) }
    #expect(file.values["number"] == (0..<1_000).map { .integer(Int64(value($0))) })
    for chunk in file.chunks[0] { #expect(Set(chunk.pages.map(\.encoding)) == [0, 8]) }
    for chunk in file.chunks[1] { #expect(Set(chunk.pages.map(\.encoding)) == [8] && chunk.dictionaryValues == 5) }
  }

  @Test func aDictionaryThatServesNoPageIsLeftOut() throws {
    var options = ParquetOptions()
    options.dictionaryBytesMax = 20
    let file = try Self.file(options) { writer in
      let number = writer.int64("number", .dictionary)
      for row in 0..<100 {
        number.append(Int64(row))
        try writer.endRow()
      }
    }
    #expect(file.chunks[0][0].dictionaryValues == nil && file.chunks[0][0].encodings == [0, 3])
  }

  @Test func numbersOfTheCallerMayBeLargeAndSparse() throws {
    let numbers = [0, 5_000_000, 1 << 24, 1 << 40, 5_000_000, 1 << 40]
    let file = try Self.file { writer in
      let user = writer.text("user")
      for number in numbers {
        try user.append(number: number, "user \(number)")
        try writer.endRow()
      }
    }
    #expect(file.values["user"] == numbers.map { Self.text("user \($0)") })
    #expect(file.chunks[0][0].dictionaryValues == 4)
  }

  // MARK: Bounds

  @Test func pagesAndGroupsAreBoundedInBytes() throws {
    var options = ParquetOptions(compression: .none)
    (options.pageBytesMax, options.groupBytesMax) = (10_000, 100_000)
    let file = try Self.file(options) { writer in
      let (text, list) = (writer.text("text", .plain), writer.floatList("list"))
      for row in 0..<2_000 {
        try text.append(String(repeating: "x", count: row == 1_000 ? 50_000 : 100))
        list.append([Float](repeating: 1, count: 10))
        try writer.endRow()
      }
    }
    #expect(file.chunks.count > 2)
    let sizes = file.chunks.flatMap { $0.flatMap { $0.pages.map(\.bytes) } }
    #expect(sizes.filter { $0 > 11_000 } == [50_004])
  }

  @Test func aValueThatIsTooLongIsRefused() throws {
    let writer = ParquetWriter(to: ParquetMemorySink(), createdBy: "test")
    let bytes = writer.bytes("bytes")
    let long = UnsafeMutableRawBufferPointer.allocate(byteCount: ParquetError.valueBytesMax + 1, alignment: 8)
    defer { long.deallocate() }
    #expect(throws: ParquetError.valueTooLong(column: "bytes", bytes: long.count)) { try bytes.append(UnsafeRawBufferPointer(long)) }
  }

  @Test(arguments: [[0x80], [0xC3], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82], [0xFF], [0x6F, 0xE9]])
  func bytesThatAreNoTextAreRefusedInColumnsOfTextOnly(_ bytes: [UInt8]) throws {
    let padded = Array("twelve bytes".utf8) + bytes
    let file = try Self.file { writer in
      let (text, any) = (writer.text("text"), writer.bytes("any"))
      #expect(throws: ParquetError.notText(column: "text")) { try padded.withUnsafeBytes { try text.append($0) } }
      // The refused value is not in the row, which can be written with another.
      try text.append("replaced")
      try padded.withUnsafeBytes { try any.append($0) }
      try writer.endRow()
    }
    #expect(file.values["any"] == [.bytes(padded)])
    #expect(file.values["text"] == [Self.text("replaced")])
  }

  @Test func anErrorOfTheSinkStaysTheError() throws {
    final class Full: ParquetSink {
      struct NoSpace: Error {}
      func write(_ bytes: UnsafeRawBufferPointer) throws { throw NoSpace() }
    }
    let writer = ParquetWriter(to: Full(), createdBy: "test")
    writer.int32("a").append(1)
    try writer.endRow()
    #expect(throws: Full.NoSpace.self) { try writer.finish() }
    #expect(throws: Full.NoSpace.self) { try writer.finish() }
  }

  @Test func aFileIsNeverWrittenOver() throws {
    let path = NSTemporaryDirectory() + "parquet-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let sink = try ParquetFileSink(path: path)
    let writer = ParquetWriter(to: sink, createdBy: "test")
    writer.int32("a").append(1)
    try writer.endRow()
    try writer.finish()
    try sink.close()
    #expect(try CheckedFile(Array(Data(contentsOf: URL(filePath: path)))).values["a"] == [.integer(1)])
    #expect(throws: ParquetError.self) { try ParquetFileSink(path: path) }
  }
}
