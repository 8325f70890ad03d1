import CCurl

/// What goes to and comes from a server during one request.
final class Transfer {
  private enum Source {
    case bytes([UInt8])
    case file(FileSource)
  }

  private let source: Source?
  private let answerBytesMax: Int
  private var sent = 0
  private(set) var answer = HTTPConnection.Answer()
  private(set) var fault: HTTPConnection.Fault?
  /// `nil` where nothing is sent, not even an empty body.
  let bodyBytes: Int?

  init(_ request: HTTPConnection.Request) throws(HTTPConnection.Fault) {
    answerBytesMax = request.answerBytesMax
    switch request.body {
    case .none where request.method == .get || request.method == .delete: (source, bodyBytes) = (nil, nil)
    case .none: (source, bodyBytes) = (.bytes([]), 0)
    case .bytes(let bytes, _): (source, bodyBytes) = (.bytes(bytes), bytes.count)
    case .file(let path, _):
      let file = try FileSource(path)
      (source, bodyBytes) = (.file(file), file.byteCount)
    }
  }

  typealias Callback = @convention(c) (UnsafeMutablePointer<CChar>?, Int, Int, UnsafeMutableRawPointer?) -> Int

  static let write: Callback = { data, size, count, context in
    guard let context, let data else { return 0 }
    let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
    return transfer.receive(UnsafeRawBufferPointer(start: data, count: size * count)) ? size * count : 0
  }

  static let header: Callback = { data, size, count, context in
    guard let context, let data else { return 0 }
    let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
    transfer.receive(header: String(decoding: UnsafeRawBufferPointer(start: data, count: size * count), as: UTF8.self))
    return size * count
  }

  static let read: Callback = { data, size, count, context in
    guard let context, let data else { return Int(CURL_READFUNC_ABORT) }
    let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
    return transfer.send(into: UnsafeMutableRawBufferPointer(start: data, count: size * count)) ?? Int(CURL_READFUNC_ABORT)
  }

  static let seek: @convention(c) (UnsafeMutableRawPointer?, curl_off_t, Int32) -> Int32 = { context, offset, origin in
    guard let context, origin == 0 else { return 1 }
    Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue().sent = Int(offset)
    return 0
  }

  private func receive(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard answer.body.count + bytes.count <= answerBytesMax else {
      fault = .init(.answerTooLarge, "its answer has more than \(answerBytesMax) bytes", status: answer.status)
      return false
    }
    answer.body.append(contentsOf: bytes)
    return true
  }

  private func receive(header line: String) {
    if line.hasPrefix("HTTP/") {
      // Of the last answer: `100 Continue` comes before it.
      answer.headers = [:]
      answer.status = line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    } else if let colon = line.firstIndex(of: ":"), answer.headers.count < 200 {
      let value = line[line.index(after: colon)...].drop { $0 == " " }
      answer.headers[line[..<colon].lowercased()] = String(value.reversed().drop { $0.isNewline || $0 == " " }.reversed())
    }
  }

  private func send(into target: UnsafeMutableRawBufferPointer) -> Int? {
    let left = UnsafeMutableRawBufferPointer(rebasing: target.prefix((bodyBytes ?? 0) - sent))
    guard !left.isEmpty else { return 0 }
    var count = left.count
    switch source {
    case nil: return 0
    case .bytes(let bytes): bytes.withUnsafeBytes { left.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[sent..<(sent + count)])) }
    case .file(let file):
      count = file.read(at: sent, into: left)
      if count <= 0 {
        fault = .init(.unreadableFile, "\(file.path) became shorter, or unreadable, while it was sent")
        return nil
      }
    }
    sent += count
    return count
  }
}
