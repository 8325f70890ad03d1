import ParquetFiles
import Testing

/// A reader that trusts a range skips the groups outside it, so a range is exact or absent.
@Suite struct StatisticsTests {
  private static func statistics(_ fill: (ParquetWriter) throws -> Void) throws -> ThriftTree? {
    let sink = ParquetMemorySink()
    let writer = ParquetWriter(to: sink, createdBy: "test")
    try fill(writer)
    try writer.finish()
    return try CheckedFile(sink.bytes).chunks[0][0].statistics
  }

  private static func texts(_ values: [String?], _ encoding: ParquetEncoding) throws -> ThriftTree? {
    try statistics { writer in
      let column = writer.text("text", isOptional: true, encoding)
      for value in values {
        try column.append(value)
        try writer.endRow()
      }
    }
  }

  private static func doubles(_ values: [Double], _ encoding: ParquetEncoding) throws -> ThriftTree? {
    try statistics { writer in
      let column = writer.double("number", encoding)
      for value in values {
        column.append(value)
        try writer.endRow()
      }
    }
  }

  private static func bytes(_ value: Double) -> [UInt8] { withUnsafeBytes(of: value, Array.init) }

  @Test(arguments: [ParquetEncoding.plain, .dictionary]) func textsAreOrderedByTheirBytes(_ encoding: ParquetEncoding) throws {
    let found = try Self.texts(["b", nil, "é", "B", "z", "", nil], encoding)
    #expect(found?[6]?.text == "" && found?[5]?.text == "é" && found?[3]?.integer == 2)
    #expect(found?[1] == nil && found?[2] == nil)
  }

  @Test(arguments: [ParquetEncoding.plain, .dictionary]) func aRangeWithALongBoundIsLeftOut(_ encoding: ParquetEncoding) throws {
    let (long, longer) = (String(repeating: "m", count: 65), String(repeating: "m", count: 90))
    #expect(try Self.texts(["a", long], encoding)?[5] == nil)
    #expect(try Self.texts(["z", long, longer], encoding)?[6] == nil)
    let between = try Self.texts(["a", long, longer, "z"], encoding)
    #expect(between?[6]?.text == "a" && between?[5]?.text == "z")
    let just = String(repeating: "m", count: 64)
    #expect(try Self.texts([just, "a"], encoding)?[5]?.text == just)
  }

  @Test(arguments: [ParquetEncoding.plain, .dictionary]) func nanIsNoBound(_ encoding: ParquetEncoding) throws {
    let some = try Self.doubles([.nan, 3, -.infinity, .nan, 1], encoding)
    #expect(some?[6]?.bytes == Self.bytes(-.infinity) && some?[5]?.bytes == Self.bytes(3))
    let none = try Self.doubles([.nan, .nan], encoding)
    #expect(none?[6] == nil && none?[5] == nil && none?[3]?.integer == 0)
  }

  @Test(arguments: [0.0, -0.0]) func aBoundOfZeroIncludesBothSigns(_ zero: Double) throws {
    let found = try Self.doubles([zero], .plain)
    #expect(found?[6]?.bytes == Self.bytes(-0.0) && found?[5]?.bytes == Self.bytes(0.0))
  }

  @Test func missingValuesOnlyHaveACountAndNoRange() throws {
    let found = try Self.texts([nil, nil, nil], .dictionary)
    #expect(found?[3]?.integer == 3 && found?[5] == nil && found?[6] == nil)
  }

  @Test func aRangeSpansTheDictionaryAndThePlainPagesBehindIt() throws {
    let sink = ParquetMemorySink()
    var options = ParquetOptions()
    options.dictionaryBytesMax = 60
    let writer = ParquetWriter(to: sink, options: options, createdBy: "test")
    let (text, number) = (writer.text("text"), writer.int64("number", .dictionary))
    for row in [50, 99, 51, 52, 53, 54, 55, 56, 57, 10, 58] {
      try text.append("\(row)")
      number.append(Int64(row))
      try writer.endRow()
    }
    try writer.finish()
    let chunks = try CheckedFile(sink.bytes).chunks[0]
    #expect(Set(chunks[0].pages.map(\.encoding)) == [0, 8])
    #expect(chunks[0].statistics?[6]?.text == "10" && chunks[0].statistics?[5]?.text == "99")
    #expect(chunks[1].statistics?[6]?.bytes?.first == 10 && chunks[1].statistics?[5]?.bytes?.first == 99)
  }
}
