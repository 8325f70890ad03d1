import CCurl
import Telemetry

/// Requests over one connection that is kept open, with libcurl.
///
/// Not Sendable: its owner calls it from one thread at a time. Redirections are not followed, so credentials go nowhere else.
public final class HTTPConnection {
  private let handle: UnsafeMutableRawPointer
  private let errorText = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
  private let timeout: Duration
  private let caFile: String
  private let certificateFile: String
  private let keyFile: String

  /// libcurl must be told once, before its first use.
  private static let isReady = freshet_curl_init() == CURLE_OK

  /// - Parameters:
  ///   - timeout: for connecting, for silence, and for a whole request that sets no limit of its own.
  ///   - caFile: the authorities that are trusted; empty: those of the system.
  ///   - certificateFile: what this client shows of itself, with `keyFile`; empty: nothing.
  public init(timeout: Duration, caFile: String = "", certificateFile: String = "", keyFile: String = "") {
    guard Self.isReady, let handle = curl_easy_init() else { preconditionFailure("libcurl cannot be set up") }
    self.handle = handle
    self.timeout = timeout
    self.caFile = caFile
    self.certificateFile = certificateFile
    self.keyFile = keyFile
    errorText.pointee = 0
  }

  deinit {
    curl_easy_cleanup(handle)
    errorText.deallocate()
  }

  /// Sends a request and waits for the answer, whatever its status is.
  public func send(_ request: Request) throws(Fault) -> Answer {
    let lines = try request.headerLines()
    let transfer = try Transfer(request)
    prepare(request)
    var headers: UnsafeMutablePointer<curl_slist>?
    for line in lines { headers = curl_slist_append(headers, line) }
    _ = freshet_curl_set_list(handle, CURLOPT_HTTPHEADER, headers)
    defer {
      // The connection stays open; everything that belongs to this request goes, the credentials too.
      curl_easy_reset(handle)
      curl_slist_free_all(headers)
    }
    let context = Unmanaged.passUnretained(transfer).toOpaque()
    _ = freshet_curl_set_writer(handle, Transfer.write, context)
    _ = freshet_curl_set_header_writer(handle, Transfer.header, context)
    if let count = transfer.bodyBytes {
      set(CURLOPT_UPLOAD, 1)
      _ = freshet_curl_set_offset(handle, CURLOPT_INFILESIZE_LARGE, curl_off_t(count))
      _ = freshet_curl_set_reader(handle, Transfer.read, Transfer.seek, context)
    }
    // Behind CURLOPT_UPLOAD, which would make it a PUT.
    set(CURLOPT_CUSTOMREQUEST, request.method.rawValue)
    let code = withExtendedLifetime(transfer) { curl_easy_perform(handle) }
    if let fault = transfer.fault { throw fault }
    // A server that refuses a request may end the connection before it has read the body.
    guard code == CURLE_OK || transfer.answer.status >= 400 else {
      throw Fault(Self.isPermanent(code) ? .permanent : .transport, sentence(code))
    }
    return transfer.answer
  }

  private func set(_ option: CURLoption, _ value: Int) { _ = freshet_curl_set_long(handle, option, value) }
  private func set(_ option: CURLoption, _ value: String) { _ = freshet_curl_set_text(handle, option, value) }

  private func prepare(_ request: Request) {
    _ = freshet_curl_set_text(handle, CURLOPT_ERRORBUFFER, errorText)
    errorText.pointee = 0
    _ = freshet_curl_set_http_only(handle)
    set(CURLOPT_NOSIGNAL, 1)
    set(CURLOPT_FOLLOWLOCATION, 0)
    let limit = request.timeLimit ?? timeout
    set(CURLOPT_TIMEOUT_MS, Self.milliseconds(limit))
    set(CURLOPT_CONNECTTIMEOUT_MS, Self.milliseconds(min(limit, timeout)))
    set(CURLOPT_LOW_SPEED_LIMIT, 1)
    set(CURLOPT_LOW_SPEED_TIME, max(1, Self.milliseconds(timeout) / 1000))
    set(CURLOPT_USERAGENT, "freshet")
    set(CURLOPT_ACCEPT_ENCODING, "")
    if !caFile.isEmpty { set(CURLOPT_CAINFO, caFile) }
    if !certificateFile.isEmpty { set(CURLOPT_SSLCERT, certificateFile) }
    if !keyFile.isEmpty { set(CURLOPT_SSLKEY, keyFile) }
    set(CURLOPT_URL, request.url)
    set(CURLOPT_PATH_AS_IS, 1)
    set(CURLOPT_FRESH_CONNECT, request.isSentOnce ? 1 : 0)
    if case .basic(let username, let password) = request.credentials {
      set(CURLOPT_USERNAME, username)
      set(CURLOPT_PASSWORD, password)
    }
  }

  /// Within what libcurl takes; 0 would mean no limit.
  private static func milliseconds(_ limit: Duration) -> Int { Int(min(max(1, limit.milliseconds), Double(Int32.max))) }

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
