/// The name of a table, written as in SQL.
///
///     lists            shop.lists            "Lists of the shop"            shop."2026.lists"
///
/// Without quotes, capital letters count as small ones. Without a schema, the table is the first of this name in the `search_path`, and a
/// new one is created in its first schema.
public struct PostgresTableName: Sendable, Equatable, CustomStringConvertible {
  public let schema: String?
  public let table: String

  public init(_ text: String) throws(PostgresError) {
    guard let parts = Self.parts(text) else {
      throw PostgresError(
        .invalid,
        "\(text.prefix(200).debugDescription) names no table: write TABLE or SCHEMA.TABLE, with double quotes around a part that has other "
          + "characters than letters, digits and _"
      )
    }
    guard parts.count <= 2 else {
      throw PostgresError(
        .invalid, "\(text.prefix(200).debugDescription) has more than a schema and a table; the database is part of the URL")
    }
    for part in parts {
      if let problem = PostgresName.problem(part) {
        throw PostgresError(.invalid, "\(text.prefix(200).debugDescription) names no table: \(problem)")
      }
    }
    schema = parts.count == 2 ? parts[0] : nil
    table = parts[parts.count - 1]
  }

  init(schema: String?, table: String) { (self.schema, self.table) = (schema, table) }

  /// Ready for SQL.
  public var description: String { (schema.map { PostgresName.quoted($0) + "." } ?? "") + PostgresName.quoted(table) }

  private static func parts(_ text: String) -> [String]? {
    var rest = Substring(text).unicodeScalars
    var parts: [String] = []
    while let part = rest.first == "\"" ? quotedPart(&rest) : plainPart(&rest) {
      parts.append(part)
      guard let separator = rest.popFirst() else { return parts }
      guard separator == "." else { return nil }
    }
    return nil
  }

  private static func quotedPart(_ rest: inout Substring.UnicodeScalarView) -> String? {
    var part = String.UnicodeScalarView()
    rest.removeFirst()
    while let scalar = rest.popFirst() {
      if scalar == "\"" {
        guard rest.first == "\"" else { return String(part) }
        rest.removeFirst()
      }
      part.append(scalar)
    }
    return nil
  }

  private static func plainPart(_ rest: inout Substring.UnicodeScalarView) -> String? {
    let part = rest.prefix { $0.properties.isAlphabetic || ("0"..."9").contains($0) || $0 == "_" || $0 == "$" || $0.value > 127 }
    guard let first = part.first, !("0"..."9").contains(first), first != "$" else { return nil }
    rest.removeFirst(part.count)
    // Like the server, which changes no other letters in UTF-8.
    var folded = String.UnicodeScalarView()
    for scalar in part { folded.append(("A"..."Z").contains(scalar) ? Unicode.Scalar(UInt8(scalar.value) + 32) : scalar) }
    return String(folded)
  }
}
