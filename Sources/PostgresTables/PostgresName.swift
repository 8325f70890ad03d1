/// The rules for names of tables and columns.
enum PostgresName {
  /// Postgres cuts longer ones without a word.
  static let bytesMax = 63

  /// What is wrong with a name, or `nil`.
  static func problem(_ name: String) -> String? {
    guard (1...bytesMax).contains(name.utf8.count) else { return "a name in Postgres has 1 to \(bytesMax) bytes" }
    return name.utf8.contains(0) ? "a name cannot contain the character 0" : nil
  }

  static func quoted(_ name: String) -> String {
    "\"" + name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
  }
}
