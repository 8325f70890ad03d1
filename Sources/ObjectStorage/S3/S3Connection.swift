import CCurl

/// Requests over one connection that is kept open, signed and sent by libcurl.
///
/// Not Sendable: one thread at a time.
final class S3Connection {
  /// Why there is no answer.
  enum Fault: Error {
    /// In the words of libcurl.
    case transport(sentence: String, isPermanent: Bool)
    /// What the taker of the content has thrown.
    case stopped(any Error)
    case tooLarge(Int)
    /// The file that is sent can no longer be read.
    case source
  }

  private let handle: UnsafeMutableRawPointer
  private let errorText = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
  private let settings: S3Settings
  /// What came of the last answer, also if it broke off.
  private(set) var lastResponse = S3Response()

  /// libcurl must be told once, before its first use.
  private static let isReady = freshet_curl_init() == CURLE_OK

  init(_ settings: S3Settings) {
    guard Self.isReady, let handle = curl_easy_init() else { preconditionFailure("libcurl cannot be set up") }
    self.handle = handle
    self.settings = settings
    errorText.pointee = 0
  }

  deinit {
    curl_easy_cleanup(handle)
    errorText.deallocate()
  }

  private func set(_ option: CURLoption, _ value: Int) { _ = freshet_curl_set_long(handle, option, value) }
  private func set(_ option: CURLoption, _ value: String) { _ = freshet_curl_set_text(handle, option, value) }

  /// - Parameter take: gets the content that was asked for; any other answer is collected.
  func perform(
    _ request: S3Request, _ credentials: S3Credentials, _ take: ((UnsafeRawBufferPointer) throws -> Void)? = nil
  ) throws(Fault) -> S3Response {
    prepare(request, credentials)
    var headers: UnsafeMutablePointer<curl_slist>?
    for header in request.headers { headers = curl_slist_append(headers, "\(header.name): \(header.value)") }
    if let token = credentials.sessionToken { headers = curl_slist_append(headers, "x-amz-security-token: \(token)") }
    _ = freshet_curl_set_list(handle, CURLOPT_HTTPHEADER, headers)
    defer {
      // The connection stays open; everything that belongs to this request goes, the credentials too.
      curl_easy_reset(handle)
      curl_slist_free_all(headers)
    }
    let exchange = S3Exchange(request, take)
    let context = Unmanaged.passUnretained(exchange).toOpaque()
    _ = freshet_curl_set_writer(handle, S3Exchange.write, context)
    _ = freshet_curl_set_header_writer(handle, S3Exchange.header, context)
    if request.method == .put || request.method == .post {
      _ = freshet_curl_set_reader(handle, S3Exchange.read, S3Exchange.seek, context)
    }
    let code = withExtendedLifetime(exchange) { curl_easy_perform(handle) }
    lastResponse = exchange.response
    if let fault = exchange.fault { throw fault }
    guard code == CURLE_OK else { throw .transport(sentence: sentence(code), isPermanent: Self.isPermanent(code)) }
    return exchange.response
  }

  private func prepare(_ request: S3Request, _ credentials: S3Credentials) {
    _ = freshet_curl_set_text(handle, CURLOPT_ERRORBUFFER, errorText)
    errorText.pointee = 0
    _ = freshet_curl_set_http_only(handle)
    set(CURLOPT_NOSIGNAL, 1)
    set(CURLOPT_FOLLOWLOCATION, 0)
    set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
    set(CURLOPT_USERAGENT, "freshet")
    let (seconds, attoseconds) = settings.timeout.components
    set(CURLOPT_CONNECTTIMEOUT_MS, Int(seconds) * 1_000 + Int(attoseconds / 1_000_000_000_000_000))
    // Not a limit of the whole, which depends on the size.
    set(CURLOPT_LOW_SPEED_LIMIT, 1)
    set(CURLOPT_LOW_SPEED_TIME, max(1, Int(seconds)))
    if !settings.caFile.isEmpty { set(CURLOPT_CAINFO, settings.caFile) }
    set(CURLOPT_URL, request.url)
    set(CURLOPT_PATH_AS_IS, 1)
    set(CURLOPT_AWS_SIGV4, "aws:amz:\(settings.region):s3")
    set(CURLOPT_USERNAME, credentials.accessKey)
    set(CURLOPT_PASSWORD, credentials.secretKey)
    switch request.method {
    case .get: set(CURLOPT_HTTPGET, 1)
    case .head: set(CURLOPT_NOBODY, 1)
    case .delete: set(CURLOPT_CUSTOMREQUEST, request.method.rawValue)
    case .put, .post:
      set(CURLOPT_UPLOAD, 1)
      set(CURLOPT_CUSTOMREQUEST, request.method.rawValue)
      _ = freshet_curl_set_offset(handle, CURLOPT_INFILESIZE_LARGE, curl_off_t(request.body.count))
    }
  }

  private func sentence(_ code: CURLcode) -> String {
    let detail = String(cString: errorText)
    return detail.isEmpty ? String(cString: curl_easy_strerror(code)) : detail
  }

  /// Whether a second attempt would fail in the same way.
  private static func isPermanent(_ code: CURLcode) -> Bool {
    [
      CURLE_UNSUPPORTED_PROTOCOL, CURLE_URL_MALFORMAT, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CERTPROBLEM,
      CURLE_NOT_BUILT_IN,
    ].contains(code)
  }
}
