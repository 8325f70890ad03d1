import CCurl
import StreamingRecommender

/// GET requests over one connection that is kept open, with libcurl.
///
/// Not Sendable: its owner calls it from one thread at a time.
final class HTTPConnection {
  struct Answer {
    var status: Int
    var body: [UInt8]
  }

  /// Why there is no answer, in the words of libcurl.
  struct Fault: Error {
    var sentence: String
    /// Whether the answer was larger than it may be.
    var isTooLarge = false
  }

  /// How a request shows who it is from.
  enum Credentials {
    case none
    case basic(username: String, password: String)
    case bearer(String)
  }

  static let bodyBytesMax = 4 << 20

  private let handle: UnsafeMutableRawPointer
  private let errorText = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))

  /// libcurl must be told once, before its first use.
  private static let isReady = freshet_curl_init() == CURLE_OK

  init(timeout: Duration, caFile: String, certificateFile: String, keyFile: String) {
    guard Self.isReady, let handle = curl_easy_init() else { preconditionFailure("libcurl cannot be set up") }
    self.handle = handle
    errorText.pointee = 0
    _ = freshet_curl_set_text(handle, CURLOPT_ERRORBUFFER, errorText)
    _ = freshet_curl_set_http_only(handle)
    set(CURLOPT_NOSIGNAL, 1)
    set(CURLOPT_FOLLOWLOCATION, 0)
    set(CURLOPT_TIMEOUT_MS, Int(timeout.milliseconds))
    set(CURLOPT_CONNECTTIMEOUT_MS, Int(timeout.milliseconds))
    set(CURLOPT_USERAGENT, "freshet")
    set(CURLOPT_ACCEPT_ENCODING, "")
    if !caFile.isEmpty { set(CURLOPT_CAINFO, caFile) }
    if !certificateFile.isEmpty { set(CURLOPT_SSLCERT, certificateFile) }
    if !keyFile.isEmpty { set(CURLOPT_SSLKEY, keyFile) }
  }

  deinit {
    curl_easy_cleanup(handle)
    errorText.deallocate()
  }

  private func set(_ option: CURLoption, _ value: Int) { _ = freshet_curl_set_long(handle, option, value) }
  private func set(_ option: CURLoption, _ value: String?) { _ = freshet_curl_set_text(handle, option, value) }

  func get(_ url: String, _ credentials: Credentials) throws(Fault) -> Answer {
    var headers = curl_slist_append(nil, "Accept: application/vnd.schemaregistry.v1+json, application/json")
    defer { curl_slist_free_all(headers) }
    set(CURLOPT_URL, url)
    set(CURLOPT_USERNAME, nil)
    set(CURLOPT_PASSWORD, nil)
    switch credentials {
    case .none: break
    case .basic(let username, let password):
      set(CURLOPT_USERNAME, username)
      set(CURLOPT_PASSWORD, password)
    case .bearer(let token): headers = curl_slist_append(headers, "Authorization: Bearer \(token)")
    }
    _ = freshet_curl_set_list(handle, CURLOPT_HTTPHEADER, headers)
    let body = Body()
    _ = freshet_curl_set_writer(handle, Body.take, Unmanaged.passUnretained(body).toOpaque())
    errorText.pointee = 0
    let code = withExtendedLifetime(body) { curl_easy_perform(handle) }
    _ = freshet_curl_set_list(handle, CURLOPT_HTTPHEADER, nil)
    if body.isTooLarge { throw Fault(sentence: "its answer has more than \(Self.bodyBytesMax) bytes", isTooLarge: true) }
    guard code == CURLE_OK else {
      let detail = String(cString: errorText)
      throw Fault(sentence: detail.isEmpty ? String(cString: curl_easy_strerror(code)) : detail)
    }
    return Answer(status: freshet_curl_status(handle), body: body.bytes)
  }

  /// What has come of an answer.
  private final class Body {
    var bytes: [UInt8] = []
    var isTooLarge = false

    static let take: @convention(c) (UnsafeMutablePointer<CChar>?, Int, Int, UnsafeMutableRawPointer?) -> Int = {
      data, size, count, context in
      guard let context, let data else { return 0 }
      let body = Unmanaged<Body>.fromOpaque(context).takeUnretainedValue()
      guard body.bytes.count + size * count <= HTTPConnection.bodyBytesMax else {
        body.isTooLarge = true
        return 0
      }
      body.bytes.append(contentsOf: UnsafeRawBufferPointer(start: data, count: size * count))
      return size * count
    }
  }
}
