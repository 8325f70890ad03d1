import Foundation
import RedisPublishing
import StreamingRecommender
import Synchronization
import Testing

/// Everything here starts real processes, so nothing here runs beside anything else of it.
@Suite(.serialized) enum EndToEnd {}

struct Failure: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

enum Place {
  /// Missing servers, data or tools fail tests instead of skipping them.
  static let requiresServers = environment["FRESHET_REQUIRE_SERVERS"] == "1"
  static let environment = ProcessInfo.processInfo.environment

  static let packageRoot: String = {
    let file = URL(fileURLWithPath: #filePath)
    return file.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path
  }()

  /// The executable of this build: it lies beside the test bundle.
  static let binary: String = {
    if let named = environment["FRESHET_BINARY"] { return named }
    let runner = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
    return URL(fileURLWithPath: runner).deletingLastPathComponent().path + "/freshet"
  }()

  static func shared(_ variable: String, _ name: String) -> String {
    environment[variable] ?? URL(fileURLWithPath: packageRoot).deletingLastPathComponent().path + "/shared/" + name
  }

  static let kafkaHome = shared("KAFKA_HOME", "kafka")
  static let poison = shared("FRESHET_TESTDATA", "testdata") + "/poison-events.jsonl"
  static let movieLens = shared("FRESHET_SHARED_DATA", "data") + "/ml-1m-5star.tsv.gz"
  static let shippedEvents = packageRoot + "/Sources/freshet/Resources/online-retail/events.tsv.gz"
  static let shippedItems = packageRoot + "/Sources/freshet/Resources/online-retail/items.tsv.gz"

  /// Why tests with servers are skipped, said once and loudly; `nil` when they are not.
  static let serversAbsence: String? = absence(
    [
      (kafkaHome + "/bin/broker", "a Kafka with bin/broker (KAFKA_HOME)"),
      (PrivateServer.executablePath ?? "redis-server", "redis-server (apt-get install redis-server)"),
    ])

  static let redisAbsence: String? = absence([(PrivateServer.executablePath ?? "redis-server", "redis-server")])

  static func absence(_ needs: [(path: String, name: String)]) -> String? {
    guard !requiresServers, let missing = needs.first(where: { !FileManager.default.fileExists(atPath: $0.path) }) else { return nil }
    let reason = "SKIPPED: \(missing.name) is missing at \(missing.path); FRESHET_REQUIRE_SERVERS=1 makes this a failure"
    FileHandle.standardError.write(Data("EndToEndTests: \(reason)\n".utf8))
    return reason
  }
}

/// A directory for everything of this run. A watcher outside removes it and ends what runs in it, however this process ends.
enum Bench {
  static let root: String = {
    let path = NSTemporaryDirectory() + "fe-" + UUID().uuidString.prefix(8)
    try? FileManager.default.createDirectory(atPath: path + "/pids", withIntermediateDirectories: true)
    // A process that nobody has waited for yet has ended, too: the test runner waits for our output first.
    _ = try? shell(
      """
      (while case $(ps -o stat= -p \(getpid())) in ''|Z*) false;; esac; do sleep 0.5; done
      for file in '\(path)'/pids/*; do [ -e "$file" ] && kill -KILL "$(basename "$file")"; done
      [ -e '\(path)/kafka' ] && '\(Place.kafkaHome)/bin/broker' kill '\(path)/kafka'; rm -rf '\(path)') \
      >/dev/null 2>&1 </dev/null &
      """)
    return path
  }()

  /// A new empty directory, which no other test of this run gets.
  static func directory(_ name: String) throws -> String {
    let path = "\(root)/\(name)-\(numbers.add(1, ordering: .relaxed).newValue)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
  }

  private static let numbers = Atomic(0)

  static func write(_ name: String, _ text: String) throws -> String {
    let path = try directory("file") + "/" + name
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    return path
  }

  /// The first lines of a gzip file, as a plain one.
  static func head(_ file: String, _ lines: Int) throws -> String {
    let path = try directory("data") + "/events.tsv"
    try shell("gzip -cd '\(file)' | head -n \(lines) > '\(path)'")
    return path
  }

  static func kafka() throws -> String { try broker.get() }

  private static let broker: Result<String, any Error> = Result {
    let output = try shell("'\(Place.kafkaHome)/bin/broker' start '\(root)/kafka'")
    guard let line = output.split(separator: "\n").first(where: { $0.hasPrefix("bootstrap_servers=") }) else { throw Failure(output) }
    return String(line.dropFirst("bootstrap_servers=".count))
  }

  /// Records in a topic, asked of the broker by way of its own tool.
  static func recordCount(_ topic: String) throws -> Int {
    let answer = try shell("'\(Place.kafkaHome)/bin/kafka-get-offsets.sh' --bootstrap-server \(try kafka()) --topic \(topic)")
    return answer.split(separator: "\n").compactMap { Int($0.split(separator: ":").last ?? "") }.reduce(0, +)
  }

  /// A name no other test has.
  static func fresh(_ name: String) -> String { "\(name)-\(UInt32.random(in: 0...(.max)))" }
}

/// Nothing of the caller's own set-up shows, as in `Program`.
private let forgetting = Place.environment.keys.filter { $0.hasPrefix("FRESHET_") }.map { "unset \($0)\n" }.joined()

/// Through `popen`: Foundation's `Process` waits for grandchildren, too, and a broker is one.
@discardableResult func shell(_ command: String) throws -> String {
  guard let pipe = popen("{ \(forgetting)\(command)\n} 2>&1", "r") else { throw Failure("popen: \(command)") }
  var output: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 4096)
  while true {
    let count = fread(&buffer, 1, buffer.count, pipe)
    if count == 0 { break }
    output += buffer[..<count]
  }
  let status = pclose(pipe)
  let text = String(decoding: output, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
  guard status == 0 else { throw Failure("\(command): \(text)") }
  return text
}

/// Looks now and then until it holds; throws what it was waiting for when it does not.
func eventually(_ what: String, within seconds: Double = 30, every milliseconds: UInt32 = 20, _ condition: () throws -> Bool) throws {
  let deadline = ContinuousClock.now + .seconds(seconds)
  while try !condition() {
    guard ContinuousClock.now < deadline else { throw Failure("not within \(seconds) s: \(what)") }
    usleep(milliseconds * 1000)
  }
}

/// A process of ours, its output in files.
final class Program {
  let pid: pid_t
  let name: String
  private let directory: String
  private var ended: Int32?

  init(_ arguments: [String], environment: [String: String] = [:]) throws {
    name = arguments.joined(separator: " ")
    directory = try Bench.directory("out")
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, directory + "/stdout", O_WRONLY | O_CREAT, 0o600)
    posix_spawn_file_actions_addopen(&actions, 2, directory + "/stderr", O_WRONLY | O_CREAT, 0o600)
    for file in (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? [] {
      if let descriptor = Int32(file), descriptor > 2 { posix_spawn_file_actions_addclose(&actions, descriptor) }
    }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    var all = sigset_t()
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
    // Nothing of the caller's own set-up may show.
    var inherited = Place.environment.filter { !$0.key.hasPrefix("FRESHET_") }
    inherited["FRESHET_RUNS_STORE"] = Bench.root + "/run-records"
    let variables = inherited.merging(environment) { $1 }.map { "\($0.key)=\($0.value)" }
    var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
    var envp: [UnsafeMutablePointer<CChar>?] = variables.map { strdup($0) } + [nil]
    defer { for text in argv + envp { free(text) } }
    var pid: pid_t = 0
    let code = posix_spawn(&pid, arguments[0], &actions, &attributes, &argv, &envp)
    guard code == 0 else { throw Failure("\(arguments[0]) cannot be started: \(String(cString: strerror(code)))") }
    self.pid = pid
    _ = FileManager.default.createFile(atPath: "\(Bench.root)/pids/\(pid)", contents: nil)
  }

  deinit { end() }

  var standardOutput: String { (try? String(contentsOfFile: directory + "/stdout", encoding: .utf8)) ?? "" }
  var standardError: String { (try? String(contentsOfFile: directory + "/stderr", encoding: .utf8)) ?? "" }

  /// Exit status, or 128 + the signal; `nil` while it runs.
  var status: Int32? {
    if let ended { return ended }
    var raw: Int32 = 0
    guard waitpid(pid, &raw, WNOHANG) == pid else { return nil }
    unlink("\(Bench.root)/pids/\(pid)")
    ended = raw & 0x7f == 0 ? (raw >> 8) & 0xff : 128 + (raw & 0x7f)
    return ended
  }

  func signal(_ number: Int32) { if status == nil { kill(pid, number) } }

  func end(_ number: Int32 = SIGKILL) {
    signal(number)
    while status == nil { usleep(2000) }
  }

  @discardableResult func wait(within seconds: Double) throws -> Int32 {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while true {
      if let status { return status }
      guard ContinuousClock.now < deadline else {
        throw Failure("\(name) did not end within \(seconds) s; its messages end with: \(standardError.suffix(1500))")
      }
      usleep(2000)
    }
  }
}

/// What a command printed and how it ended.
struct Outcome {
  var status: Int32
  var output: String
  var messages: String
  var seconds: Double

  var json: [String: Any] { (try? JSONSerialization.jsonObject(with: Data(output.utf8))) as? [String: Any] ?? [:] }
}

/// Runs `freshet` as a user would, and waits for its end.
func freshet(_ arguments: [String], environment: [String: String] = [:], within seconds: Double = 60) throws -> Outcome {
  let began = ContinuousClock.now
  let program = try Program([Place.binary] + arguments, environment: environment)
  let status = try program.wait(within: seconds)
  return Outcome(
    status: status, output: program.standardOutput, messages: program.standardError, seconds: (ContinuousClock.now - began) / .seconds(1))
}

/// One GET over a connection of its own.
func get(_ address: String, _ path: String) throws -> (status: Int, body: String) { try ask("GET", address, path) }

/// One request over a connection of its own.
func ask(
  _ method: String, _ address: String, _ path: String, headers: [String: String] = [:], body: String = ""
) throws -> (status: Int, body: String) {
  let parts = address.split(separator: ":")
  let connection = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  defer { close(connection) }
  var name = sockaddr_in()
  name.sin_family = sa_family_t(AF_INET)
  name.sin_port = (UInt16(parts.last ?? "") ?? 0).bigEndian
  name.sin_addr.s_addr = inet_addr(String(parts.first ?? ""))
  var patience = timeval(tv_sec: 10, tv_usec: 0)
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
  let isConnected = withUnsafePointer(to: &name) { pointer in
    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(connection, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0 }
  }
  guard isConnected else { throw Failure("no answer from \(address)") }
  var head = "\(method) \(path) HTTP/1.1\r\nHost: \(address)\r\nConnection: close\r\n"
  for (name, value) in headers { head += "\(name): \(value)\r\n" }
  if !body.isEmpty { head += "Content-Length: \(body.utf8.count)\r\n" }
  let request = Array((head + "\r\n" + body).utf8)
  guard send(connection, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else { throw Failure("\(address) takes no request") }
  var answer: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 65_536)
  while true {
    let count = recv(connection, &buffer, buffer.count, 0)
    if count <= 0 { break }
    answer += buffer[..<count]
  }
  let text = String(decoding: answer, as: UTF8.self)
  guard let end = text.range(of: "\r\n\r\n"), let status = text.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else {
    throw Failure("\(address)\(path) answers: \(text)")
  }
  return (status, String(text[end.upperBound...]))
}

/// `freshet serve` with a data directory of its own; it can be killed and started again.
final class Engine {
  let directory: String
  private let arguments: [String]
  private(set) var program: Program?

  /// `settings` as `key=value`.
  init(_ arguments: [String], _ settings: [String] = [], directory: String? = nil, admin: String = "127.0.0.1:0") throws {
    self.directory = try directory ?? Bench.directory("engine")
    self.arguments =
      arguments + ["--data-dir", self.directory, "--admin", admin] + settings.flatMap { ["--set", $0] }
  }

  func start() throws {
    let program = try Program([Place.binary, "serve"] + arguments)
    self.program = program
    try eventually("endpoints.json of \(program.name)", every: 2) {
      if let status = program.status { throw Failure("serve ended with \(status): \(program.standardError)") }
      return endpoints?["pid"] as? Int == Int(program.pid)
    }
  }

  func kill() { program?.end(SIGKILL) }

  /// TERM, and its exit status.
  func stop() throws -> Int32 {
    program?.signal(SIGTERM)
    return try program?.wait(within: 30) ?? -1
  }

  var messages: String { program?.standardError ?? "" }

  var endpoints: [String: Any]? {
    FileManager.default.contents(atPath: directory + "/endpoints.json")
      .flatMap { try? JSONSerialization.jsonObject(with: $0) as? [String: Any] }
  }
  var admin: String { endpoints?["admin"] as? String ?? "" }

  func status() throws -> Status {
    let answer = try get(admin, "/v1/status?state_hash=true")
    guard let object = try JSONSerialization.jsonObject(with: Data(answer.body.utf8)) as? [String: Any] else { throw Failure(answer.body) }
    return try Status(object: object)
  }

  /// As the command says it.
  func printedStatus() throws -> Status {
    let outcome = try freshet(["status", "--json", "--data-dir", directory])
    guard outcome.status == 0 else { throw Failure(outcome.messages) }
    return try Status(object: outcome.json)
  }

  /// Waits until so many events are applied and every list is with Redis.
  @discardableResult func settle(applied: Int, within seconds: Double = 60) throws -> Status {
    var last: Status?
    do {
      try eventually("\(applied) events applied and published", within: seconds, every: 50) {
        let status = try self.status()
        last = status
        return status.applied >= applied && status.isSettled
      }
    } catch let failure as Failure {
      throw Failure("\(failure); status \(last.map { "\($0.object)" } ?? "none"); messages \(messages.suffix(1500))")
    }
    // A turn may have looked settled between two steps of a retrain.
    usleep(300_000)
    let status = try self.status()
    return status.isSettled ? status : try settle(applied: applied, within: seconds)
  }

  func metric(_ name: String) throws -> Double? {
    let line = try get(admin, "/metrics").body.split(separator: "\n").first { $0.hasPrefix(name + " ") || $0.hasPrefix(name + "{") }
    return line.flatMap { Double($0.split(separator: " ").last ?? "") }
  }
}

/// A status as it was printed. What a test compares must be there: two statuses that lack a field would be equal.
struct Status {
  var object: [String: Any]
  let applied, interactions, users: Int

  init(object: [String: Any]) throws {
    self.object = object
    func number(_ key: String) throws -> Int {
      guard let number = object[key] as? Int else { throw Failure("no \(key) in the status \(object)") }
      return number
    }
    applied = try number("events_applied")
    interactions = try number("interactions")
    users = try number("users")
  }

  /// Missing while the loop does not answer.
  var stateHash: String {
    get throws {
      guard let hash = object["state_hash"] as? String, hash.count == 32 else { throw Failure("no state_hash in the status \(object)") }
      return hash
    }
  }
  /// -1 before the first model.
  var epoch: Int { object["epoch"] as? Int ?? -1 }
  var redis: [String: Any] { object["redis"] as? [String: Any] ?? [:] }
  var retrain: [String: Any] { object["retrain"] as? [String: Any] ?? [:] }
  var rollout: String? { redis["rollout"] as? String }
  var isSettled: Bool {
    object["lag_records"] as? Int == 0 && redis["waiting_users"] as? Int == 0 && redis["queued_commands"] as? Int == 0 && rollout == nil
      && retrain["phase"] as? String == nil && redis["epoch"] as? Int == object["epoch"] as? Int
  }
}

/// A redis-server on a port, and a connection to look at it.
final class Redis {
  let server: PrivateServer
  var url: String { server.url }

  init() throws { server = try PrivateServer(directory: try Bench.directory("redis"), transport: .loopback) }
  deinit { server.stop() }

  func connection() throws -> RedisConnection {
    try RedisConnection(server.address, timeout: .seconds(5), replyBytesMax: RedisConnection.replyBytesMaxOfReader)
  }

  /// A user's list as it stands; `nil` without one.
  func list(_ namespace: String, _ user: String) throws -> StoredList? {
    guard let bytes = try connection().command(["GET", "freshet:\(namespace):{u:\(user)}:top"]).bytes else { return nil }
    return try StoredList(bytes)
  }
}

/// A list as a stranger to our code reads it.
struct StoredList {
  var epoch: Int
  var offset: Int
  var source: String
  var items: [(item: String, score: Double)]

  init(_ bytes: [UInt8]) throws {
    guard let object = try? JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any], object["v"] as? Int == 1,
      let epoch = object["epoch"] as? Int, let offset = object["off"] as? Int, let source = object["src"] as? String,
      let entries = object["items"] as? [[Any]]
    else { throw Failure("no list: \(String(decoding: bytes.prefix(200), as: UTF8.self))") }
    self.epoch = epoch
    self.offset = offset
    self.source = source
    items = try entries.map { entry in
      guard entry.count == 2, let item = entry[0] as? String, let score = entry[1] as? Double, score.isFinite else {
        throw Failure("\(entry)")
      }
      return (item, score)
    }
  }
}
