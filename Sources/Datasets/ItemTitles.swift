/// Item titles and categories, read from lines of `item<TAB>title[<TAB>category|category...]`, plain or gzip. A `.csv` file uses commas.
public struct ItemTitles: Sendable {
  /// The title and the categories of an item.
  public struct Entry: Equatable, Sendable {
    public var title: String
    public var categories: [String]
  }

  /// Entries by id bytes; ids are compared bytewise, without Unicode normalization.
  public private(set) var entries: [[UInt8]: Entry] = [:]
  public private(set) var badLines = 0
  public private(set) var firstBadLines: [BadLine] = []

  public init() {}

  public init(path: String) throws(DatasetError) {
    let lines = LineReader(TextSource(try ByteSource(path: path)))
    let isCSV = FileLayout.format(ofName: path) == .csv
    let dialect = Dialect(delimiter: isCSV ? .comma : .tab, hasQuotes: isCSV)
    let fields = LineFields(dialect)
    while let line = try lines.next() {
      guard case .bytes(let bytes) = line else {
        addBadLine(lines.lineNumber, "longer than \(LineReader.lineBytesMax) bytes")
        continue
      }
      if trimmed(bytes).isEmpty { continue }
      guard fields.split(bytes) == .whole, fields.count >= 2 else {
        addBadLine(lines.lineNumber, isCSV ? "expected item,title" : "expected item<TAB>title")
        continue
      }
      if let fault = idFault(fields[0]) {
        addBadLine(lines.lineNumber, "the item \(fault)")
        continue
      }
      let title = String(decoding: fields[1], as: UTF8.self)
      if lines.lineNumber == 1, title.lowercased() == "title" || title.lowercased() == "name" { continue }
      let categories = fields.count >= 3 ? String(decoding: fields[2], as: UTF8.self).split(separator: "|").map(String.init) : []
      entries[Array(fields[0])] = Entry(title: title, categories: categories)
    }
  }

  public var count: Int { entries.count }
  public subscript(item: [UInt8]) -> String? { entries[item]?.title }
  public subscript(item: String) -> String? { entries[Array(item.utf8)]?.title }

  private mutating func addBadLine(_ line: Int, _ reason: String) {
    badLines += 1
    if firstBadLines.count < InteractionFile.Report.firstBadLinesMax { firstBadLines.append(BadLine(line: line, reason: reason)) }
  }
}
