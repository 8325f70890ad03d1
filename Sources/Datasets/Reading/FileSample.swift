/// Pieces of a file's text that are spread over it, read before the file itself.
///
/// Files are often sorted by user or by time, so the head alone would show a few users and hardly any repeated item.
struct FileSample {
  /// Which part of the file the sample stands for.
  enum Extent: Equatable {
    case whole
    /// Pieces from all parts.
    case spread
    /// The beginning only: the text of a pipe, or of a gzip file that is longer than what is unpacked for a sample.
    case beginning
  }

  /// UTF-8 pieces of whole lines; the first begins where the file begins.
  let pieces: [[UInt8]]
  let extent: Extent
  let encoding: TextEncoding

  static let wholeBytesMax = 1 << 19
  static let pieceBytes = 1 << 15
  static let piecesMax = 64
  /// What is unpacked of a gzip file and kept until it has been read.
  static let unpackedBytesMax = 16 << 20

  /// - Parameter source: its reading continues at the beginning.
  init(_ source: ByteSource, encoding: TextEncoding?) throws(DatasetError) {
    var raw: [[UInt8]]
    if source.isPipe {
      raw = [try source.readAhead(Self.wholeBytesMax)]
      extent = raw[0].count < Self.wholeBytesMax ? .whole : .beginning
    } else if source.isCompressed {
      (raw, extent) = Self.unpackedPieces(try source.readAhead(Self.unpackedBytesMax))
    } else {
      (raw, extent) = try Self.plainPieces(of: source)
    }
    let found = encoding ?? TextEncoding.detected(in: raw)
    self.encoding = found
    let isWhole = extent == .whole
    pieces = raw.enumerated().map { Self.wholeLines(Self.decoded($1, found), isFirst: $0 == 0, isWhole: isWhole) }
  }

  private static func plainPieces(of source: ByteSource) throws(DatasetError) -> ([[UInt8]], Extent) {
    let size = source.sizeBytes ?? 0
    if size <= wholeBytesMax { return ([try source.bytes(at: 0, count: size)], .whole) }
    var pieces: [[UInt8]] = []
    for place in places(in: size) { pieces.append(try source.bytes(at: place.lowerBound, count: place.count)) }
    return (pieces, .spread)
  }

  /// Places that do not overlap. The first one is longer, because it decides how the lines are written. All begin at an even byte, as
  /// characters of UTF-16 do.
  private static func places(in size: Int) -> [Range<Int>] {
    let head = 2 * pieceBytes
    let distance = (size - head) / (piecesMax - 1)
    let length = min(pieceBytes, distance) & ~1
    return [0..<head] + (0..<piecesMax - 1).map { (head + distance * $0) & ~1 }.map { $0..<$0 + length }
  }

  private static func unpackedPieces(_ text: [UInt8]) -> ([[UInt8]], Extent) {
    if text.count <= wholeBytesMax { return ([text], .whole) }
    let pieces = places(in: text.count).map { Array(text[$0]) }
    return (pieces, text.count < unpackedBytesMax ? .spread : .beginning)
  }

  private static func decoded(_ bytes: [UInt8], _ encoding: TextEncoding) -> [UInt8] {
    if encoding == .utf8 { return bytes }
    var text: [UInt8] = []
    var decoder = TextDecoder(encoding)
    decoder.decode(bytes, into: &text)
    return text
  }

  /// Cuts the lines at both ends that a piece has in part only.
  private static func wholeLines(_ text: [UInt8], isFirst: Bool, isWhole: Bool) -> [UInt8] {
    if isWhole { return text }
    var lines = text[...]
    if !isFirst {
      guard let newline = lines.firstIndex(of: 0x0A) else { return [] }
      lines = lines[(newline + 1)...]
    }
    guard let last = lines.lastIndex(of: 0x0A) else { return [] }
    return Array(lines[...last])
  }

  /// The first lines, as they are written.
  func firstLines(_ count: Int) throws(DatasetError) -> [[UInt8]] {
    guard let head = pieces.first else { return [] }
    let reader = LineReader(TextSource(head))
    var lines: [[UInt8]] = []
    while lines.count < count, let line = try reader.next() {
      if case .bytes(let bytes) = line, !trimmed(bytes).isEmpty { lines.append(Array(bytes)) }
    }
    return lines
  }

  /// Calls `body` with the fields of each line. Lines that cannot be split are left out.
  ///
  /// - Parameter rowsPerPiece: the most lines that are taken of one of several pieces.
  func forEachRow(_ dialect: Dialect, rowsPerPiece: Int = 200, _ body: (_ piece: Int, _ fields: LineFields) -> Void) throws(DatasetError) {
    let fields = LineFields(dialect)
    for (index, piece) in pieces.enumerated() {
      let reader = LineReader(TextSource(piece))
      var rows = 0
      while pieces.count == 1 || index == 0 || rows < rowsPerPiece, let line = try reader.next() {
        guard case .bytes(let bytes) = line, !trimmed(bytes).isEmpty else { continue }
        switch fields.split(bytes) {
        case .whole: break
        case .open:
          guard let record = try reader.record(dialect), fields.split(record) == .whole else { continue }
        case .damaged: continue
        }
        body(index, fields)
        rows += 1
      }
    }
  }
}
