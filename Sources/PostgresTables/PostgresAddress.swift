import CPostgres

/// Where a database is: a URL, or what the environment of libpq says.
///
///     postgresql://exporter@db.example.net:5432/shop?sslmode=verify-full
///     postgresql:///shop?host=/run/postgresql
///
/// What the URL leaves out comes from `PGHOST`, `PGPORT`, `PGUSER`, `PGDATABASE`, `PGPASSWORD`, `PGSERVICE` and the others, then from
/// `~/.pgpass`. A password in the URL is refused: command lines and configurations are seen by others and end up in logs.
public struct PostgresAddress: Sendable {
  struct Setting: Sendable, Equatable {
    var name, value: String
  }

  /// Those of the URL, by the names of libpq.
  let settings: [Setting]

  /// - Parameter url: `nil` takes everything from the environment.
  public init(_ url: String? = nil) throws(PostgresError) {
    guard let url else {
      settings = []
      return
    }
    guard url.hasPrefix("postgresql://") || url.hasPrefix("postgres://") else {
      throw PostgresError(.invalid, "an address of Postgres is \(Self.form)")
    }
    settings = try Self.parse(url)
    for setting in settings where setting.name == "password" || setting.name == "sslpassword" {
      throw PostgresError(
        .invalid, "the address of Postgres contains a \(setting.name), which others can see: take it out, and \(Self.fix(setting.name))")
    }
  }

  private static let form = "postgresql://USER@HOST:PORT/DATABASE, without a password"

  private static func fix(_ name: String) -> String {
    name == "password" ? "set PGPASSWORD, or write it into ~/.pgpass" : "keep the key without a passphrase, readable by its owner alone"
  }

  private static func parse(_ url: String) throws(PostgresError) -> [Setting] {
    var message: UnsafeMutablePointer<CChar>?
    let options = PQconninfoParse(url, &message)
    defer {
      PQconninfoFree(options)
      PQfreemem(message)
    }
    guard let options else {
      // From the first quote on, libpq repeats the address, which may contain a password.
      let reason = message.map { String(cString: $0).prefix { $0 != "\"" } }?.split(whereSeparator: \.isWhitespace).joined(separator: " ")
      throw PostgresError(.invalid, "the address of Postgres cannot be read (\(reason ?? "no memory")): it is \(form)")
    }
    var settings: [Setting] = []
    var option = options
    while let keyword = option.pointee.keyword {
      if let value = option.pointee.val { settings.append(Setting(name: String(cString: keyword), value: String(cString: value))) }
      option += 1
    }
    return settings
  }
}
