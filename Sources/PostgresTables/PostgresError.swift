/// Why a table was not written, with a sentence that says how to fix it and never contains a password.
public struct PostgresError: Error, Sendable, Equatable, CustomStringConvertible {
  public enum Code: Sendable, Equatable {
    /// An address, a name or a setting is wrong.
    case invalid
    /// There is no connection, or no answer in time; later there may be one.
    case unavailable
    /// A password or a right is missing.
    case denied
    /// The table that is there has other columns, or cannot be emptied.
    case mismatch
    /// Others use the table and did not let go of it in time.
    case busy
    /// A value that Postgres cannot store, or any other refusal; asking again would not help.
    case refused
  }

  public let code: Code
  public let description: String

  public init(_ code: Code, _ description: String) {
    self.code = code
    self.description = description
  }
}
