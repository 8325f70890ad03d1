import Foundation
import StreamingRecommender
import Synchronization

/// A private redis-server for demonstrations and tests: it saves nothing, listens locally only, and ends with this process.
///
/// Sendable: the mutable part is behind a lock.
public final class PrivateServer: Sendable {
  public enum Transport: Sendable { case unixSocket, loopback }

  private struct Running {
    var pid: pid_t
    var exited: DispatchSemaphore
  }

  public let address: RedisAddress
  public let logPath: String
  private let executable: String
  private let arguments: [String]
  private let running = Mutex<Running?>(nil)

  /// Where redis-server is, by `PATH`; nil when it is not installed.
  public static var executablePath: String? { find("redis-server") }

  /// Starts a server and waits until it answers.
  ///
  /// - Parameters:
  ///   - directory: for its log and its socket; must exist.
  ///   - arguments: additional arguments of redis-server, e.g. `["--maxmemory", "100mb"]`; they override the defaults.
  public init(directory: String, transport: Transport = .unixSocket, arguments extra: [String] = []) throws {
    guard let executable = Self.executablePath else {
      throw RedisError(.address, "redis-server is not installed; run apt-get install redis-server (or make setup)")
    }
    let directory = URL(fileURLWithPath: directory).standardizedFileURL.path
    self.executable = executable
    logPath = directory + "/redis-server.log"
    var arguments = ["--daemonize", "no", "--save", "", "--appendonly", "no", "--dir", directory, "--logfile", logPath]
    switch transport {
    case .unixSocket:
      let path = directory + "/redis.sock"
      guard path.utf8.count < 108 else {
        throw RedisError(.address, "the path of the Unix socket is longer than 107 bytes (\(path)); choose a shorter directory")
      }
      address = RedisAddress(.unix(path: path))
      arguments += ["--port", "0", "--unixsocket", path, "--unixsocketperm", "700"]
    case .loopback:
      let port = try Self.freePort()
      address = RedisAddress(.tcp(host: "127.0.0.1", port: port))
      arguments += ["--bind", "127.0.0.1", "--port", "\(port)"]
    }
    self.arguments = arguments + extra
    try start()
  }

  deinit { stop() }

  public var url: String { address.description }
  /// nil while it does not run.
  public var pid: Int32? { running.withLock { $0?.pid } }

  /// Starts it again at the same address after `stop` or `kill`; it is empty unless it was told to save a dump.
  public func start() throws {
    guard pid == nil else { return }
    let exited = DispatchSemaphore(value: 0)
    let pid = try Self.spawn(commandLine(), exited: exited)
    running.withLock { $0 = Running(pid: pid, exited: exited) }
    do { try waitUntilItAnswers(exited: exited) } catch {
      stop()
      throw error
    }
  }

  /// Terminates it; sends SIGKILL if it does not exit within two seconds.
  public func stop() { end(with: SIGTERM) }
  /// Kills it, as a crash would.
  public func kill() { end(with: SIGKILL) }
  /// Suspends the process without closing its connections, until `resume`.
  public func suspend() { if let pid { _ = Foundation.kill(pid, SIGSTOP) } }
  public func resume() { if let pid { _ = Foundation.kill(pid, SIGCONT) } }

  private func end(with signal: Int32) {
    let last = running.withLock { state in
      defer { state = nil }
      return state
    }
    guard let last else { return }
    if last.exited.wait(timeout: .now()) == .success { return }
    _ = Foundation.kill(last.pid, signal)
    _ = Foundation.kill(last.pid, SIGCONT)
    if last.exited.wait(timeout: .now() + 2) == .success { return }
    _ = Foundation.kill(last.pid, SIGKILL)
    last.exited.wait()
  }

  private func commandLine() -> [String] {
    let server = [executable] + arguments
    // Ends the server if this process is killed and cannot do it.
    guard let setpriv = Self.find("setpriv") else { return server }
    return [setpriv, "--pdeathsig", "TERM"] + server
  }

  private func waitUntilItAnswers(exited: DispatchSemaphore) throws {
    for _ in 0..<1000 {
      // Any reply means that it is up: with a password among the arguments it is an error reply.
      if let connection = try? RedisConnection(address, timeout: .milliseconds(500)), (try? connection.exchange(["PING"])) != nil { return }
      if exited.wait(timeout: .now() + .milliseconds(10)) == .success {
        exited.signal()
        break
      }
    }
    let log = (try? String(contentsOfFile: logPath, encoding: .utf8)) ?? ""
    throw RedisError(.io, "the private redis-server did not come up; the end of its log \(logPath): \(log.suffix(300))")
  }

  /// Starts a process from a thread that lives as long as the process: the kernel ties the parent-death signal to the thread that
  /// started the child, so the server would be killed when a pool retires that thread.
  private static func spawn(_ commandLine: [String], exited: DispatchSemaphore) throws -> pid_t {
    let started = DispatchSemaphore(value: 0)
    let outcome = Outcome()
    let thread = Thread {
      let result = spawnHere(commandLine)
      outcome.value.withLock { $0 = result }
      started.signal()
      guard case .success(let pid) = result else { return }
      var status: Int32 = 0
      while waitpid(pid, &status, 0) < 0, errno == EINTR {}
      exited.signal()
    }
    thread.name = "redis-server parent"
    thread.start()
    started.wait()
    return try outcome.value.withLock { $0! }.get()
  }

  private final class Outcome: Sendable {
    let value = Mutex<Result<pid_t, RedisError>?>(nil)
  }

  private static func spawnHere(_ commandLine: [String]) -> Result<pid_t, RedisError> {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
    // Sockets of this process must not stay open in the child after they were closed here.
    for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? [] {
      guard let descriptor = Int32(name), descriptor > 2 else { continue }
      posix_spawn_file_actions_addclose(&actions, descriptor)
    }

    // A process group of its own, or Ctrl-C would end the server before the last lists are written; no blocked signals.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP))

    var argv: [UnsafeMutablePointer<CChar>?] = commandLine.map { strdup($0) }
    argv.append(nil)
    defer { for argument in argv { free(argument) } }
    var pid: pid_t = 0
    let code = posix_spawn(&pid, commandLine[0], &actions, &attributes, argv, environ)
    guard code == 0 else { return .failure(RedisError(.io, "\(commandLine[0]) cannot be started (\(String(cString: strerror(code))))")) }
    return .success(pid)
  }

  private static func find(_ program: String) -> String? {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    return (path.split(separator: ":").map(String.init) + ["/usr/bin", "/usr/sbin"])
      .map { $0 + "/" + program }.first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  /// A port that was free when it was tried; another process may take it before the server does.
  private static func freePort() throws -> Int {
    let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(socket) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(socket, $0, length) == 0 && getsockname(socket, $0, &length) == 0 }
    }
    guard isBound else { throw RedisError(.io, "no loopback port is free (\(String(cString: strerror(errno))))") }
    return Int(UInt16(bigEndian: address.sin_port))
  }
}
