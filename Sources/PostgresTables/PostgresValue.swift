/// One value of a row.
public enum PostgresValue: Sendable, Equatable {
  /// UTF-8.
  case text([UInt8])
  /// For columns of integers of both sizes.
  case integer(Int)
  case real(Float)
  /// Milliseconds since 1970.
  case time(Int64)
  case reals([Float])
  /// For columns that are nullable.
  case null

  public static func text(_ word: String) -> PostgresValue { .text(Array(word.utf8)) }
}
