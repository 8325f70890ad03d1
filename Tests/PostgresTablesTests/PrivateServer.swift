import Foundation

@testable import PostgresTables

/// A Postgres of these tests alone, on a Unix socket, which ends with this process.
final class PrivateServer: Sendable {
  let directory: String
  private let process: Process
  /// The server ends when this is closed, also if this process is killed.
  private let input = Pipe()

  /// Debian keeps the programs off the PATH. The newest version is taken.
  static let programs: String? = {
    let root = "/usr/lib/postgresql"
    let versions = ((try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []).compactMap(Int.init).sorted(by: >)
    let path = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
    return (versions.map { "\(root)/\($0)/bin" } + path).first { FileManager.default.isExecutableFile(atPath: $0 + "/initdb") }
  }()

  /// Whether tests that need a server are skipped. With `FRESHET_REQUIRE_POSTGRES=1` they fail instead.
  static let isMissing: Bool = {
    guard programs == nil, ProcessInfo.processInfo.environment["FRESHET_REQUIRE_POSTGRES"] != "1" else { return false }
    FileHandle.standardError.write(Data("SKIPPED: tests with Postgres; apt-get install postgresql\n".utf8))
    return true
  }()

  /// A password is wanted from this user alone.
  static let userWithPassword = "with_password"
  static let password = "canary-password"

  private struct Failure: Error { let why: String }

  private static let started = Result { try PrivateServer() }
  static func shared() throws -> PrivateServer { try started.get() }

  private static let script = """
    trap : INT TERM
    dir=$1 bin=$2; shift 2
    "$@" "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$dir/log" 2>&1 || exit 1
    printf 'local all \(userWithPassword) scram-sha-256\\nlocal all all trust\\n' >"$dir/data/pg_hba.conf"
    "$@" "$bin/postgres" -D "$dir/data" -k "$dir" -p 5432 -c listen_addresses= -c fsync=off -c log_min_messages=panic >>"$dir/log" 2>&1 &
    pid=$!
    cat >/dev/null
    kill -INT "$pid"
    wait "$pid"
    rm -rf "$dir"
    """

  private init() throws {
    guard let programs = Self.programs else { throw Failure(why: "Postgres is not installed: apt-get install postgresql") }
    // The path of a socket has at most 107 bytes, which rules out deeper folders.
    var template = Array("/tmp/freshet-pg-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw CocoaError(.fileWriteUnknown) }
    directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    var asUser: [String] = []
    if getuid() == 0 {
      // Postgres refuses to run as root.
      chown(directory, 65534, 65534)
      asUser = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    }
    process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = ["-c", Self.script, "sh", directory, programs] + asUser
    (process.standardInput, process.standardOutput, process.standardError) = (input, FileHandle.nullDevice, FileHandle.nullDevice)
    try process.run()
    try waitUntilItAnswers()
    try query("CREATE ROLE \(Self.userWithPassword) LOGIN PASSWORD '\(Self.password)'")
  }

  private func waitUntilItAnswers() throws {
    let end = ContinuousClock.now + .seconds(60)
    while (try? query("SELECT 1")) == nil {
      guard process.isRunning, ContinuousClock.now < end else {
        throw Failure(why: "Postgres does not start: \((try? String(contentsOfFile: directory + "/log", encoding: .utf8)) ?? "")")
      }
      usleep(20_000)
    }
  }

  func url(_ database: String, user: String = "postgres") -> String { "postgresql://\(user)@/\(database)?host=\(directory)&port=5432" }

  @discardableResult
  func query(_ statement: String) throws -> [[String?]] {
    try PostgresConnection(PostgresAddress(url("postgres")), connectTimeout: .seconds(10)).run(statement, within: .seconds(60))
  }
}
