/// The name of an object in a store: parts with `/` between them, such as `archive/date=2026-11-28/0-100.parquet`.
///
/// Only names that a directory and every S3 server keep as they are: no empty part, no `.` or `..`, no
/// backslash, no control characters.
public struct ObjectKey: Sendable, Hashable, Comparable, CustomStringConvertible {
  public static let bytesMax = 1024
  /// Where a directory keeps what is being written.
  static let reservedPart = ".uploads"

  public let text: String
  public var description: String { text }

  public init(_ text: String) throws(ObjectStoreError) {
    if let problem = Self.problem(text) { throw ObjectStoreError(.invalid, "\"\(text.prefix(100))\" cannot name an object: \(problem)") }
    self.text = text
  }

  /// What is wrong with a name, or `nil`.
  static func problem(_ text: String) -> String? {
    guard (1...bytesMax).contains(text.utf8.count) else { return "allowed are 1 to \(bytesMax) bytes" }
    guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { return "it has a control character" }
    // Some servers take it for a /.
    if text.contains("\\") { return "it has a backslash" }
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    if parts.contains(where: \.isEmpty) { return "it begins or ends with /, or has // in it" }
    if parts.contains(where: { $0 == "." || $0 == ".." }) { return "a part of it is . or .." }
    return parts[0] == reservedPart ? "\(reservedPart) is where unfinished uploads are" : nil
  }

  /// In the order of their bytes, as stores list them.
  public static func < (left: ObjectKey, right: ObjectKey) -> Bool { precedes(left.text, right.text) }

  static func precedes(_ left: String, _ right: String) -> Bool { left.utf8.lexicographicallyPrecedes(right.utf8) }
}
