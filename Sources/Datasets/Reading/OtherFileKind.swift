/// Files that are not text, told by their first bytes.
enum OtherFileKind {
  private static let table: [(magic: [UInt8], fix: String)] = [
    ([0x50, 0x4B, 0x03, 0x04], "is an Excel workbook or another zip archive; save the sheet as CSV, or unpack the archive"),
    (Array("PAR1".utf8), "is a Parquet file; name it so that it ends in .parquet, or convert it to CSV, for example with DuckDB"),
    (Array("Obj\u{1}".utf8), "is an Avro file; convert it to JSON lines, for example with avro-tools tojson"),
    (Array("ORC".utf8), "is an ORC file; convert it to CSV"),
    (Array("SQLite format 3".utf8), "is an SQLite database; export a table as CSV with sqlite3 -csv -header"),
    ([0x89, 0x48, 0x44, 0x46], "is an HDF5 file; convert it to CSV"),
    ([0x28, 0xB5, 0x2F, 0xFD], "is compressed with zstd; unpack it, or read it with zstd -dc FILE | freshet ... -"),
    ([0xFD, 0x37, 0x7A, 0x58, 0x5A], "is compressed with xz; unpack it, or read it with xz -dc FILE | freshet ... -"),
    (Array("BZh".utf8), "is compressed with bzip2; unpack it, or read it with bzip2 -dc FILE | freshet ... -"),
    ([0x37, 0x7A, 0xBC, 0xAF], "is a 7z archive; unpack it"),
    ([0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59], "is a NumPy array; write it as CSV with numpy.savetxt"),
    ([0x80, 0x04, 0x95], "is a Python pickle; write it as CSV"),
    (Array("%PDF".utf8), "is a PDF"),
  ]

  /// What the file is and what makes a usable one of it; `nil` for text.
  static func fix(for sample: FileSample) -> String? {
    guard let head = sample.pieces.first, sample.encoding == .utf8 || sample.encoding == .latin1 else { return nil }
    return table.first { head.starts(with: $0.magic) }?.fix
  }
}
