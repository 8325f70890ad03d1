import Glibc

/// A TCP connection that sends what it is told and reads HTTP responses; every read gives up after some seconds.
public final class RawClient {
  public struct Response: Equatable {
    public var status = 0
    /// Names in lower case.
    public var headers: [String: String] = [:]
    /// As text; bytes that are not UTF-8 are replaced.
    public var body: String { String(decoding: bytes, as: UTF8.self) }
    public var bytes: [UInt8] = []
  }

  private let descriptor: Int32
  private var buffer: [UInt8] = []
  /// Lives as long as this client: the server, where nothing else holds it.
  public var companion: AnyObject?

  public init(port: UInt16, secondsMax: Int = 8) throws {
    // No process that another test starts may keep the connection open.
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr)
    var timeout = timeval(tv_sec: secondsMax, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    let descriptor = descriptor
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
    }
    guard result == 0 else { throw Refused() }
  }

  deinit { close(descriptor) }

  public struct Refused: Error {}

  /// False if the server has closed the connection.
  @discardableResult
  public func send(_ text: String) -> Bool { send(Array(text.utf8)) }

  @discardableResult
  public func send(_ bytes: [UInt8]) -> Bool {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return false }
      sent += count
    }
    return true
  }

  /// The next response, or nil if the connection ends first.
  public func receive(hasBody: Bool = true) -> Response? {
    while true {
      if let response = takeResponse(hasBody: hasBody) { return response }
      guard fill() else { return nil }
    }
  }

  /// Reads until the server closes; false if it does not in time.
  public func isClosedByServer() -> Bool {
    var byte: UInt8 = 0
    while true {
      let count = receive(&byte, 1)
      if count == 0 { return true }
      if count < 0 { return errno == ECONNRESET }
    }
  }

  /// Sends a request with a Host header and those named, and returns the response.
  public func request(_ method: String, _ path: String, _ headers: [String] = [], body: String? = nil) -> Response? {
    var lines = ["\(method) \(path) HTTP/1.1", "Host: 127.0.0.1"] + headers
    if let body { lines.append("Content-Length: \(body.utf8.count)") }
    send(lines.joined(separator: "\r\n") + "\r\n\r\n" + (body ?? ""))
    return receive(hasBody: method != "HEAD")
  }

  public func get(_ path: String) -> Response? {
    send("GET \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    return receive()
  }

  public func post(_ path: String, body: String = "") -> Response? {
    send("POST \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
    return receive()
  }

  /// With a time limit, a signal to the process ends a call, whatever its handler says.
  private func receive(_ bytes: UnsafeMutableRawPointer, _ capacity: Int) -> Int {
    while true {
      let count = recv(descriptor, bytes, capacity, 0)
      if count >= 0 || errno != EINTR { return count }
    }
  }

  private func fill() -> Bool {
    var piece = [UInt8](repeating: 0, count: 65_536)
    let count = receive(&piece, piece.count)
    guard count > 0 else { return false }
    buffer += piece[..<count]
    return true
  }

  private func takeResponse(hasBody: Bool) -> Response? {
    let end: [UInt8] = Array("\r\n\r\n".utf8)
    guard let headEnd = buffer.indices.first(where: { buffer[$0...].starts(with: end) }) else { return nil }
    let lines = String(decoding: buffer[..<headEnd], as: UTF8.self).split(separator: "\r\n")
    var response = Response()
    response.status = Int(lines[0].split(separator: " ")[1]) ?? 0
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":") else { continue }
      response.headers[line[..<colon].lowercased()] = String(line[line.index(after: colon)...].drop { $0 == " " })
    }
    let length = hasBody ? response.headers["content-length"].flatMap(Int.init) ?? 0 : 0
    guard buffer.count >= headEnd + 4 + length else { return nil }
    response.bytes = Array(buffer[(headEnd + 4)..<(headEnd + 4 + length)])
    buffer.removeFirst(headEnd + 4 + length)
    return response
  }
}
