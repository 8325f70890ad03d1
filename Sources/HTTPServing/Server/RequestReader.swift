import CMicroHTTPD

/// Makes a request from what libmicrohttpd has read.
enum RequestReader {
  struct Read {
    var request: HTTPRequest
    /// Why the request is refused.
    var fault: Problem?
    /// Whether nothing after this request on its connection can be trusted.
    var endsConnection = false

    /// Of the path only the part before the NUL is known.
    mutating func refuseNUL() {
      fault = Problem(
        .badRequest, "the request line has a NUL", fix: "leave it out", headers: [.init("Connection", "close")])
      endsConnection = true
    }
  }

  static func read(
    _ connection: OpaquePointer, url: UnsafePointer<CChar>?, method: UnsafePointer<CChar>?, version: UnsafePointer<CChar>?,
    _ configuration: HTTPServerConfiguration
  ) -> Read {
    let target = RequestTarget(url.map { String(cString: $0) } ?? "/")
    var read = Read(request: HTTPRequest(method.map { String(cString: $0) } ?? "", target.rawPath))
    if let url, String(validatingCString: url) == nil { read.fault = notUTF8 }
    let headers = values(connection, freshet_mhd_headers)
    if let fault = MessageFraming.fault(headers, isHTTP10: version.map { String(cString: $0) } == "HTTP/1.0") {
      read.fault = Problem(
        .badRequest, fault, fix: "send one Host, and either one Content-Length or Transfer-Encoding: chunked; check the proxy",
        headers: [.init("Connection", "close")])
      read.endsConnection = true
    }
    for (name, value) in headers { read.request.headers[name.lowercased()] = value }
    if let authority = target.authority { read.request.headers["host"] = authority }
    readQuery(connection, &read)
    read.request.caller.address = ClientAddress(freshet_mhd_client_address(connection)).map {
      configuration.trustedProxies.isEmpty
        ? $0
        : .behindProxies(peer: $0, forwardedFor: read.request.headers["x-forwarded-for"], trusted: configuration.trustedProxies)
    }
    return read
  }

  /// The library has split the query and made a plus sign a space; the escapes are still there.
  private static func readQuery(_ connection: OpaquePointer, _ read: inout Read) {
    for (name, value) in values(connection, freshet_mhd_query) {
      guard let decodedName = PercentEncoding.decode(name), let decodedValue = PercentEncoding.decode(value) else {
        read.fault =
          read.fault
          ?? Problem(
            .parameter, "the query parameter \(name.prefix(100)) has an escape that is malformed, a NUL, or bytes that are not UTF-8",
            fix: "write each byte of its UTF-8 that is no letter or digit as %XX")
        continue
      }
      read.request.query.append(.init(decodedName, decodedValue))
    }
  }

  private static let notUTF8 = Problem(
    .badRequest, "the path has bytes that are not UTF-8", fix: "write each byte that is no letter or digit as %XX")

  private typealias Pairs = [(name: String, value: String)]

  private static let collect: MHD_KeyValueIterator = { context, _, name, value in
    guard let context, let name else { return freshet_mhd_no }
    let pair = (name: String(cString: name), value: value.map { String(cString: $0) } ?? "")
    context.assumingMemoryBound(to: Pairs.self).pointee.append(pair)
    return freshet_mhd_yes
  }

  private static func values(_ connection: OpaquePointer, _ kind: MHD_ValueKind) -> Pairs {
    var pairs: Pairs = []
    withUnsafeMutablePointer(to: &pairs) { _ = MHD_get_connection_values(connection, kind, collect, UnsafeMutableRawPointer($0)) }
    return pairs
  }
}
