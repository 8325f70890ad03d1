/// How long a table waits for the server and for those who use the table.
public struct PostgresOptions: Sendable {
  /// For each address of the server; `connect_timeout` of the URL or `PGCONNECT_TIMEOUT` take precedence. libpq counts whole seconds, at
  /// least 2.
  public var connectTimeout = Duration.seconds(10)
  /// For each statement, and for the server to take a piece of the rows. What the caller needs to make the rows does not count.
  public var statementTimeout = Duration.seconds(600)
  /// How long one attempt to swap the rows waits for those who read the table. New readers wait behind it, so it is short.
  public var lockTimeout = Duration.seconds(2)
  public var lockAttempts = 10
  /// Between two attempts, so that readers who wait get their turn.
  public var lockPause = Duration.seconds(1)

  public init() {}
}

extension Duration {
  /// At least 1, because 0 switches a timeout of Postgres off.
  var milliseconds: Int { max(1, Int(components.seconds) * 1_000 + Int(components.attoseconds / 1_000_000_000_000_000)) }
}
