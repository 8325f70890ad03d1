import Foundation
import StreamingRecommender
import Telemetry

/// A gateway in a process of its own.
final class GatewayChild {
  let port: UInt16
  private let process = Process()
  private static let patience: UInt64 = 60_000_000_000

  /// Starts it and waits until it is ready.
  init(_ configuration: RecommenderConfiguration, isEmbedded: Bool) throws {
    port = try Self.freePort()
    var settings = [
      "gateway.listen=127.0.0.1:\(port)", "redis.url=\(configuration.redis.url)", "redis.namespace=\(configuration.redis.namespace)",
      "redis.key_prefix=\(configuration.redis.keyPrefix)", "kafka.bootstrap_servers=\(configuration.kafka.bootstrapServers)",
      "input.topics=\(configuration.input.topics[0])", "items.topic=\(configuration.items.topic)", "admin.listen=none", "log.level=error",
    ]
    // Shorter waits make the embedded broker scan its batches for seconds.
    if isEmbedded { settings.append("kafka.producer.linger.ms=10") }
    process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    process.arguments = ["gateway"] + settings.flatMap { ["--set", $0] }
    process.environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("FRESHET_") }
    try process.run()
    let deadline = MonotonicClock.nanoseconds() + Self.patience
    while !isReady {
      guard process.isRunning, MonotonicClock.nanoseconds() < deadline else {
        stop()
        throw CommandFailure("the gateway does not become ready")
      }
      usleep(50_000)
    }
  }

  private var isReady: Bool {
    guard let load = try? HTTPLoad(port: port, connections: 1) else { return false }
    let request = Array("GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".utf8)
    guard let figures = try? load.run(rate: 100, seconds: 0.01, warmUp: 0, request: { _ in request }) else { return false }
    return figures.times.events == 1 && figures.errors == 0
  }

  /// A port that is free now.
  private static func freePort() throws -> UInt16 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, size) == 0 && getsockname(descriptor, $0, &size) == 0 }
    }
    guard isBound else { throw CommandFailure("there is no free port") }
    return UInt16(bigEndian: address.sin_port)
  }

  /// Processor time that it has used.
  var cpuSeconds: Double {
    guard let text = try? String(contentsOfFile: "/proc/\(process.processIdentifier)/stat", encoding: .utf8),
      let end = text.lastIndex(of: ")")
    else { return 0 }
    let fields = text[text.index(after: end)...].split(separator: " ")
    guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return 0 }
    return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  func stop() {
    guard process.isRunning else { return }
    process.terminate()
    process.waitUntilExit()
  }
}
