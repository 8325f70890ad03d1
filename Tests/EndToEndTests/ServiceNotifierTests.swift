import Foundation
import Testing

@testable import freshet

@Suite struct ServiceNotifierTests {
  @Test(arguments: [false, true]) func readyAndStatusArriveAsOneMessage(isAbstract: Bool) throws {
    let manager = try NotifyListener(isAbstract: isAbstract)
    var service = ServiceNotifier(environment: ["NOTIFY_SOCKET": manager.path])
    service.ready(status: "serving")
    #expect(manager.receive() == "READY=1\nSTATUS=serving")
    service.stopping(timeout: .seconds(30))
    #expect(manager.receive() == "STOPPING=1\nSTATUS=stopping\nEXTEND_TIMEOUT_USEC=30000000")
    #expect(manager.receive() == nil)
  }

  @Test func aStatusIsSentOnceAndOnOneLine() throws {
    let manager = try NotifyListener(isAbstract: false)
    var service = ServiceNotifier(environment: ["NOTIFY_SOCKET": manager.path])
    service.ready(status: "serving")
    #expect(manager.receive() != nil)
    service.continues(progress: 1, status: "serving")
    #expect(manager.receive() == nil)
    service.continues(progress: 2, status: "kafka: no broker answers\nMAINPID=1")
    #expect(manager.receive() == "STATUS=kafka: no broker answers MAINPID=1")
    service.continues(progress: 3, status: String(repeating: "x", count: 5_000))
    #expect(manager.receive()?.utf8.count == "STATUS=".utf8.count + 400)
  }

  @Test func theWatchdogHearsOfProgressEachQuarterOfItsTime() throws {
    let manager = try NotifyListener(isAbstract: false)
    var service = ServiceNotifier(
      environment: ["NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "7"], processID: 7)
    #expect(service.pace == .seconds(15))
    service.continues(progress: 1, nowNanoseconds: 1_000_000_000)
    #expect(manager.receive() == "WATCHDOG=1")
    service.continues(progress: 2, nowNanoseconds: 15_999_999_999)
    #expect(manager.receive() == nil)
    service.continues(progress: 3, nowNanoseconds: 16_000_000_000)
    #expect(manager.receive() == "WATCHDOG=1")
  }

  @Test func theWatchdogHearsNothingWhileTheWorkStandsStill() throws {
    let manager = try NotifyListener(isAbstract: false)
    var service = ServiceNotifier(environment: ["NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "60000000"])
    service.continues(progress: 5, nowNanoseconds: 1_000_000_000)
    #expect(manager.receive() == "WATCHDOG=1")
    service.continues(progress: 5, nowNanoseconds: 200_000_000_000)
    #expect(manager.receive() == nil)
    service.continues(progress: 6, nowNanoseconds: 200_500_000_000)
    #expect(manager.receive() == "WATCHDOG=1")
  }

  @Test(arguments: [
    [:], ["WATCHDOG_USEC": "0"], ["WATCHDOG_USEC": "soon"], ["WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "8"],
    ["WATCHDOG_USEC": "18446744073709551615"],
  ]) func aWatchdogOfNobodyOrOfAnotherProcessGetsNothing(environment: [String: String]) throws {
    let manager = try NotifyListener(isAbstract: false)
    var service = ServiceNotifier(
      environment: environment.merging(["NOTIFY_SOCKET": manager.path]) { $1 }, processID: 7)
    service.continues(progress: 1)
    #expect(manager.receive() == nil)
  }

  @Test(arguments: [nil, "", "@", "vsock:2:1234", "relative/socket", "/" + String(repeating: "x", count: 200), "/nowhere/notify"])
  func withoutAListenerNothingHappens(path: String?) {
    var service = ServiceNotifier(environment: path.map { ["NOTIFY_SOCKET": $0, "WATCHDOG_USEC": "1000"] } ?? [:])
    service.ready(status: "serving")
    service.continues(progress: 1, status: "other")
    service.stopping(timeout: .seconds(1))
    if path?.hasPrefix("/nowhere") != true { #expect(service.pace == .seconds(3600)) }
  }
}

/// Stands for the service manager.
private final class NotifyListener {
  let path: String
  private let descriptor: Int32
  private let file: String?

  struct Failure: Error { let number: Int32 }

  init(isAbstract: Bool) throws {
    let name = "freshet-notify-\(UUID().uuidString)"
    let file = isAbstract ? nil : "/tmp/\(name)"
    path = file ?? "@\(name)"
    self.file = file
    descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = file.map { Array($0.utf8) + [0] } ?? [0] + Array(name.utf8)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let length = socklen_t(2 + bytes.count)
    let failed = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
    }
    guard failed == 0 else { throw Failure(number: errno) }
  }

  deinit {
    close(descriptor)
    if let file { unlink(file) }
  }

  /// The next message; `nil` if none waits. A datagram waits as soon as it was sent.
  func receive() -> String? {
    var buffer = [UInt8](repeating: 0, count: 8_192)
    let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
    return count < 0 ? nil : String(decoding: buffer.prefix(count), as: UTF8.self)
  }
}
