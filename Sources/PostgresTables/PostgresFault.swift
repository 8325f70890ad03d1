import CPostgres

/// What the server answered instead of doing a statement: a value without I/O.
struct PostgresFault: Error {
  /// Five characters, as the manual of Postgres lists them; empty if the connection broke.
  let state: String
  let message: String

  static let lockNotAvailable = "55P03"

  init(state: String, message: String) { (self.state, self.message) = (state, message) }

  init(_ result: OpaquePointer) {
    func field(_ code: Character) -> String? { PQresultErrorField(result, Int32(code.asciiValue ?? 0)).map { String(cString: $0) } }
    state = field("C") ?? ""
    let parts = [field("M") ?? String(cString: PQresultErrorMessage(result)), field("D"), field("H"), field("W").map { "at: \($0)" }]
    message = Self.line(parts.compactMap { $0 }.joined(separator: "; "))
  }

  /// Messages have line ends and may quote whole rows.
  static func line(_ text: String) -> String { String(text.split(whereSeparator: \.isWhitespace).joined(separator: " ").prefix(600)) }

  /// - Parameter subject: the server, and what it was told to do.
  func error(_ subject: String) -> PostgresError {
    let (code, fix) = meaning
    return PostgresError(code, "\(subject): \(message)\(state.isEmpty ? "" : " (\(state))")\(fix.map { ": \($0)" } ?? "")")
  }

  private var meaning: (PostgresError.Code, fix: String?) {
    switch state {
    case "": (.unavailable, nil)
    case Self.lockNotAvailable: (.busy, "another transaction holds it; try again when that one has ended")
    case "57014": (.unavailable, "a statement took longer than it may, or was cancelled")
    case "25006": (.invalid, "this server is read-only: name the primary, or add target_session_attrs=read-write to the URL")
    case "42501": (.denied, "grant the right, or connect as another user")
    case "3F000": (.invalid, "create the schema, or name the table with another one")
    case "42P01": (.mismatch, "somebody removed the table meanwhile; run it again")
    case "42P07", "42710": (.busy, "somebody else created it meanwhile; run it again")
    case "23505": (.refused, "rows have the same key: choose other key columns, or drop the constraint")
    case "22P05": (.refused, "the database has another encoding than UTF8 and cannot store this text")
    default: (Self.isTransient(state) ? .unavailable : state.hasPrefix("28") ? .denied : .refused, nil)
    }
  }

  /// Broken connections, a server that stops or has no space, memory or connection left, deadlocks.
  private static func isTransient(_ state: String) -> Bool { ["08", "40", "53", "57", "58"].contains(state.prefix(2)) }
}
