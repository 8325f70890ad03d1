import CCurl

/// What goes to and comes from a server during one request.
final class S3Exchange {
  private let request: S3Request
  private let take: ((UnsafeRawBufferPointer) throws -> Void)?
  private var sent = 0
  private(set) var response = S3Response()
  private(set) var fault: S3Connection.Fault?

  init(_ request: S3Request, _ take: ((UnsafeRawBufferPointer) throws -> Void)?) {
    self.request = request
    self.take = take
  }

  typealias Callback = @convention(c) (UnsafeMutablePointer<CChar>?, Int, Int, UnsafeMutableRawPointer?) -> Int

  static let write: Callback = { data, size, count, context in
    guard let context, let data else { return 0 }
    let exchange = Unmanaged<S3Exchange>.fromOpaque(context).takeUnretainedValue()
    return exchange.receive(UnsafeRawBufferPointer(start: data, count: size * count)) ? size * count : 0
  }

  static let header: Callback = { data, size, count, context in
    guard let context, let data else { return 0 }
    let exchange = Unmanaged<S3Exchange>.fromOpaque(context).takeUnretainedValue()
    exchange.receive(header: String(decoding: UnsafeRawBufferPointer(start: data, count: size * count), as: UTF8.self))
    return size * count
  }

  static let read: Callback = { data, size, count, context in
    guard let context, let data else { return Int(CURL_READFUNC_ABORT) }
    let exchange = Unmanaged<S3Exchange>.fromOpaque(context).takeUnretainedValue()
    return exchange.send(into: UnsafeMutableRawBufferPointer(start: data, count: size * count)) ?? Int(CURL_READFUNC_ABORT)
  }

  static let seek: @convention(c) (UnsafeMutableRawPointer?, curl_off_t, Int32) -> Int32 = { context, offset, origin in
    guard let context, origin == 0 else { return 1 }
    Unmanaged<S3Exchange>.fromOpaque(context).takeUnretainedValue().sent = Int(offset)
    return 0
  }

  private func receive(_ bytes: UnsafeRawBufferPointer) -> Bool {
    if let take, response.status == request.contentStatus {
      do { try take(bytes) } catch {
        fault = .stopped(error)
        return false
      }
      return true
    }
    guard response.body.count + bytes.count <= request.answerBytesMax else {
      fault = .tooLarge(request.answerBytesMax)
      return false
    }
    response.body.append(contentsOf: bytes)
    return true
  }

  private func receive(header line: String) {
    if line.hasPrefix("HTTP/") {
      // Of the last answer: `100 Continue` comes before it.
      response.headers = [:]
      response.status = line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    } else if let colon = line.firstIndex(of: ":"), response.headers.count < 200 {
      let value = line[line.index(after: colon)...].drop { $0 == " " }
      response.headers[line[..<colon].lowercased()] = String(value.reversed().drop { $0.isNewline || $0 == " " }.reversed())
    }
  }

  private func send(into target: UnsafeMutableRawBufferPointer) -> Int? {
    let left = UnsafeMutableRawBufferPointer(rebasing: target.prefix(request.body.count - sent))
    guard !left.isEmpty else { return 0 }
    var count = 0
    switch request.body {
    case .none: break
    case .bytes(let bytes):
      bytes.withUnsafeBytes { left.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[sent..<(sent + left.count)])) }
      count = left.count
    case .slice(let file, let range):
      count = (try? file.read(at: range.lowerBound + sent, into: left)) ?? 0
      if count == 0 {
        fault = .source
        return nil
      }
    }
    sent += count
    return count
  }
}
