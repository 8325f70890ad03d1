#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// All columns of a sample.
struct SampleProfile {
  private(set) var columns: [ColumnProfile] = []
  /// The sampled rows.
  private(set) var rows = 0
  private(set) var extent: FileSample.Extent
  /// The number of columns of most rows.
  private(set) var width = 0
  private(set) var widths: [Int: Int] = [:]
  /// Rows that are a number and a colon, which begin the blocks of some files.
  private(set) var blockLines = 0
  /// The hashes of the cells, row by row, `stride` for each.
  private var hashes: [UInt64] = []
  private var stride: Int

  /// Columns after this number are not judged.
  static let columnsMax = 40

  /// - Parameter firstRow: receives the first line, which is not counted as a row; it may be a header.
  init(_ sample: FileSample, _ dialect: Dialect, firstRow: inout [String]?) throws(DatasetError) {
    extent = sample.extent
    let width = try Self.width(sample, dialect)
    stride = min(width, Self.columnsMax)
    columns = Array(repeating: ColumnProfile(), count: stride)
    self.width = width
    var (lastPiece, first) = (0, [String]?.none)
    var profile = self
    let now = Int64(time(nil)) * 1000
    try sample.forEachRow(dialect) { piece, fields in
      if first == nil {
        first = fields.map { String(decoding: trimmed($0), as: UTF8.self) }
        return
      }
      if piece != lastPiece {
        lastPiece = piece
        for index in profile.columns.indices { profile.columns[index].breakOrder() }
      }
      profile.add(fields, now)
    }
    self = profile
    firstRow = first
  }

  /// Counts the first line as a row.
  mutating func addFirstRow(_ cells: [String]) {
    for index in columns.indices { columns[index].breakOrder() }
    let line = cells.map { $0.replacing("\u{1F}", with: " ") }.joined(separator: "\u{1F}")
    let fields = LineFields(Dialect(delimiter: .unitSeparator))
    Array(line.utf8).withUnsafeBufferPointer {
      _ = fields.split($0)
      add(fields, Int64(time(nil)) * 1000)
      for (index, field) in fields.enumerated() where index < stride { columns[index].showFirst(field) }
    }
  }

  private static func width(_ sample: FileSample, _ dialect: Dialect) throws(DatasetError) -> Int {
    var widths: [Int: Int] = [:]
    let fields = LineFields(dialect)
    for line in try sample.firstLines(200) {
      line.withUnsafeBufferPointer { if fields.split($0) == .whole { widths[fields.count, default: 0] += 1 } }
    }
    return widths.max { ($0.value, $0.key) < ($1.value, $1.key) }?.key ?? 0
  }

  private mutating func add(_ fields: LineFields, _ now: Int64) {
    rows += 1
    widths[fields.count, default: 0] += 1
    if fields.count == 1, let last = fields[0].last, last == 0x3A, digits(UnsafeBufferPointer(rebasing: fields[0].dropLast())) != nil {
      blockLines += 1
    }
    for column in 0..<stride {
      hashes.append(column < fields.count ? columns[column].add(fields[column], now: now) : 0)
    }
  }

  /// How many rows have equal cells in two columns.
  func equalRows(_ a: Int, _ b: Int) -> Int {
    guard a < stride, b < stride else { return 0 }
    var count = 0
    for row in 0..<rows where hashes[row * stride + a] != 0 && hashes[row * stride + a] == hashes[row * stride + b] { count += 1 }
    return count
  }

  /// How many rows have the same cells in these columns as an earlier row.
  func repeatedRows(_ columns: [Int]) -> Int {
    var seen: Set<UInt64> = []
    for row in 0..<rows {
      seen.insert(columns.reduce(1) { CellHash.combined($0, $1 < stride ? hashes[row * stride + $1] : 0) })
    }
    return rows - seen.count
  }

  /// The number of rows of a cell of the column, as the median over its different cells.
  func medianCount(_ column: Int) -> Int {
    let counts = columns[column].counts.values.sorted()
    return counts.isEmpty ? 0 : counts[counts.count / 2]
  }

  /// How the cells of these columns are written.
  func conventions(_ chosen: InteractionColumns) -> CellConventions {
    var conventions = CellConventions()
    func profile(_ field: InteractionField) -> ColumnProfile? { chosen[field].flatMap { $0 < columns.count ? columns[$0] : nil } }
    if let value = profile(.value) { conventions.hasDecimalComma = value.decimalCommas > 0 }
    if let user = profile(.user) { conventions.cutsUserFraction = user.filled > 0 && user.wholeWithFraction == user.filled }
    if let item = profile(.item) { conventions.cutsItemFraction = item.filled > 0 && item.wholeWithFraction == item.filled }
    return conventions
  }
}
