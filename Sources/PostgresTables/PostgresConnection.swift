import CPostgres

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// One connection, by libpq, on which one statement runs after the other and none waits forever.
///
/// Not Sendable: one thread at a time.
final class PostgresConnection {
  private let handle: OpaquePointer
  /// For messages: host, port and database.
  let name: String
  private var isCopying = false
  /// More than the server needs to notice its own timeout.
  private static let grace = Duration.seconds(5)

  init(_ address: PostgresAddress, connectTimeout: Duration) throws(PostgresError) {
    handle = Self.connect(address.settings + Self.settings(besides: address.settings, connectTimeout))
    let host = PQhost(handle).map { String(cString: $0) } ?? ""
    let database = PQdb(handle).map { String(cString: $0) } ?? ""
    name = "Postgres at \(host):\(PQport(handle).map { String(cString: $0) } ?? "")/\(database)"
    guard PQstatus(handle) == CONNECTION_OK else {
      let message = PostgresFault.line(String(cString: PQerrorMessage(handle)))
      if PQconnectionNeedsPassword(handle) == 1 {
        throw PostgresError(.denied, "\(message): set PGPASSWORD, or write the password into ~/.pgpass")
      }
      throw PostgresError(
        PQconnectionUsedPassword(handle) == 1 ? .denied : .unavailable, message.isEmpty ? "\(name): no connection" : message)
    }
    PQsetnonblocking(handle, 1)
    // Otherwise libpq writes notices to standard error.
    PQsetNoticeReceiver(handle, { _, _ in }, nil)
  }

  deinit { PQfinish(handle) }

  private static func settings(besides given: [PostgresAddress.Setting], _ connectTimeout: Duration) -> [PostgresAddress.Setting] {
    var settings = [
      PostgresAddress.Setting(name: "client_encoding", value: "UTF8"),
      PostgresAddress.Setting(name: "fallback_application_name", value: "freshet"),
    ]
    if !given.contains(where: { $0.name == "connect_timeout" }), getenv("PGCONNECT_TIMEOUT") == nil {
      settings.append(PostgresAddress.Setting(name: "connect_timeout", value: "\((connectTimeout.milliseconds + 999) / 1_000)"))
    }
    return settings
  }

  private static func connect(_ settings: [PostgresAddress.Setting]) -> OpaquePointer {
    let names = settings.map { strdup($0.name) }
    let values = settings.map { strdup($0.value) }
    defer { for text in names + values { free(text) } }
    func list(_ texts: [UnsafeMutablePointer<CChar>?]) -> [UnsafePointer<CChar>?] { texts.map { UnsafePointer($0) } + [nil] }
    guard let handle = PQconnectdbParams(list(names), list(values), 0) else { preconditionFailure("libpq has no memory") }
    return handle
  }

  // MARK: Statements

  /// Runs a statement and returns its rows as texts.
  /// - Parameter limit: the server has it too, as `statement_timeout`; this side waits a little longer.
  @discardableResult
  func run(_ statement: String, _ parameters: [String] = [], within limit: Duration) throws(PostgresError) -> [[String?]] {
    do { return try attempt(statement, parameters, within: limit).rows } catch {
      throw error.error("\(name): \(Self.beginning(statement))")
    }
  }

  /// Like `run`, for a caller that knows what to do about some faults; returns the tag of the command, too.
  func attempt(
    _ statement: String, _ parameters: [String] = [], within limit: Duration
  ) throws(PostgresFault) -> (rows: [[String?]], tag: String) {
    let texts = parameters.map { strdup($0) }
    defer { for text in texts { free(text) } }
    let isSent =
      parameters.isEmpty
      ? PQsendQuery(handle, statement)
      : PQsendQueryParams(handle, statement, Int32(parameters.count), nil, texts.map { UnsafePointer($0) }, nil, nil, 0)
    let deadline = ContinuousClock.now + limit + Self.grace
    guard isSent == 1 else { throw lost }
    try flush(until: deadline)
    return try answer(until: deadline)
  }

  /// The words of a statement that say what it is about, without its columns.
  private static func beginning(_ statement: String) -> Substring { statement.prefix { $0 != "(" && $0 != "\n" }.prefix(200) }

  private func answer(until deadline: ContinuousClock.Instant) throws(PostgresFault) -> (rows: [[String?]], tag: String) {
    var answer: (rows: [[String?]], tag: String) = ([], "")
    var fault: PostgresFault?
    while let result = try result(until: deadline) {
      defer { PQclear(result) }
      switch PQresultStatus(result) {
      case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: answer = (Self.rows(result), String(cString: PQcmdStatus(result)))
      // It stays in this state until the rows have been sent.
      case PGRES_COPY_IN:
        isCopying = true
        return answer
      default:
        fault = fault ?? PostgresFault(result)
        if PQstatus(handle) != CONNECTION_OK { throw fault ?? lost }
      }
    }
    if let fault { throw fault }
    return answer
  }

  private static func rows(_ result: OpaquePointer) -> [[String?]] {
    (0..<PQntuples(result)).map { row in
      (0..<PQnfields(result)).map { PQgetisnull(result, row, $0) == 1 ? nil : String(cString: PQgetvalue(result, row, $0)) }
    }
  }

  /// Returns `nil` when the statement has ended.
  private func result(until deadline: ContinuousClock.Instant) throws(PostgresFault) -> OpaquePointer? {
    while PQisBusy(handle) == 1 {
      _ = try wait(for: POLLIN, until: deadline)
      guard PQconsumeInput(handle) == 1 else { throw lost }
    }
    return PQgetResult(handle)
  }

  // MARK: Rows

  /// Sends a piece of what `COPY FROM STDIN` reads. When this returns, libpq keeps nothing of it.
  func send(_ bytes: [UInt8], within limit: Duration) throws(PostgresError) {
    let isTaken = bytes.withUnsafeBytes { PQputCopyData(handle, $0.bindMemory(to: CChar.self).baseAddress, Int32($0.count)) }
    do throws(PostgresFault) {
      guard isTaken == 1 else { throw lost }
      try flush(until: ContinuousClock.now + limit)
      // libpq keeps a broken connection to itself until an answer is read, which may be hours of rows later.
      if try wait(for: POLLIN, until: nil) != 0, PQconsumeInput(handle) != 1 { throw lost }
    } catch { throw error.error("\(name): COPY") }
  }

  /// Ends `COPY`.
  /// - Parameter reason: given up because of this, so that the server forgets the rows.
  /// - Returns: the tag of the command.
  func endRows(givenUp reason: String? = nil, within limit: Duration) throws(PostgresError) -> String {
    isCopying = false
    do throws(PostgresFault) {
      guard PQputCopyEnd(handle, reason) == 1 else { throw lost }
      let deadline = ContinuousClock.now + limit + Self.grace
      try flush(until: deadline)
      return try answer(until: deadline).tag
    } catch { throw error.error("\(name): COPY") }
  }

  /// Ends the transaction. Where this does not work, the end of the connection does the same, only later.
  func rollBack(within limit: Duration) {
    if isCopying { _ = try? endRows(givenUp: "the writer gave up", within: limit) }
    _ = try? attempt("ROLLBACK", within: limit)
  }

  private func flush(until deadline: ContinuousClock.Instant) throws(PostgresFault) {
    while true {
      let status = PQflush(handle)
      if status == 0 { return }
      guard status == 1 else { throw lost }
      // A server that says something first would otherwise wait for us, and we for it.
      if try wait(for: POLLIN | POLLOUT, until: deadline) & POLLIN != 0, PQconsumeInput(handle) != 1 { throw lost }
    }
  }

  /// - Parameter deadline: `nil` only looks and does not wait.
  private func wait(for events: Int32, until deadline: ContinuousClock.Instant?) throws(PostgresFault) -> Int32 {
    var waited = pollfd(fd: PQsocket(handle), events: Int16(events), revents: 0)
    guard waited.fd >= 0 else { throw lost }
    while true {
      let pause = deadline.map { ContinuousClock.now.duration(to: $0) } ?? .zero
      if deadline != nil, pause <= .zero { throw PostgresFault(state: "", message: "no answer in time") }
      let count = poll(&waited, 1, deadline == nil ? 0 : Int32(min(pause.milliseconds, 1_000)))
      // Errors count as something to read, which then says what it is.
      if count > 0 { return Int32(waited.revents) & (POLLIN | POLLOUT) | (Int32(waited.revents) & (POLLERR | POLLHUP) != 0 ? POLLIN : 0) }
      if count < 0, errno != EINTR { throw lost }
      if count == 0, deadline == nil { return 0 }
    }
  }

  private var lost: PostgresFault {
    let message = PostgresFault.line(String(cString: PQerrorMessage(handle)))
    return PostgresFault(state: "", message: message.isEmpty ? "the connection is lost" : message)
  }
}
