import Digests

/// One request of the S3 protocol, before it is signed.
///
/// The signature is made over what is written here as it stands, so the path and the query are encoded once, the query is sorted, and no
/// header is empty: libcurl would sign such a header and not send it.
struct S3Request {
  enum Method: String { case get = "GET", put = "PUT", post = "POST", delete = "DELETE", head = "HEAD" }

  enum Body {
    case none
    case bytes([UInt8])
    case slice(FilePieces, Range<Int>)

    var count: Int {
      switch self {
      case .none: 0
      case .bytes(let bytes): bytes.count
      case .slice(_, let range): range.count
      }
    }
  }

  let method: Method
  let url: String
  let body: Body
  private(set) var headers: [(name: String, value: String)] = []
  /// The status of an answer that holds what was asked for: an object, or the part of it that `Range` names.
  var contentStatus: Int { headers.contains { $0.name == "Range" } ? 206 : 200 }
  /// What answers to a `GET` may hold if they are collected.
  var answerBytesMax = 16 << 20

  init(
    _ method: Method, _ address: S3Address, _ key: ObjectKey? = nil, query: [String: String] = [:], body: Body = .none
  ) throws(ObjectStoreError) {
    self.method = method
    self.body = body
    var url = address.base.origin + PercentEncoding.encode(address.path(key), keepingSlashes: true)
    let pairs = query.map { (PercentEncoding.encode($0.key), PercentEncoding.encode($0.value)) }
      .sorted { ObjectKey.precedes($0.0, $1.0) }
    if !pairs.isEmpty { url += "?" + pairs.map { "\($0.0)=\($0.1)" }.joined(separator: "&") }
    self.url = url
    set("x-amz-content-sha256", try Self.digest(of: body))
  }

  mutating func set(_ name: String, _ value: String) {
    precondition(!value.isEmpty, "the header \(name) is empty")
    headers.append((name, value))
  }

  /// libcurl would sign the hash of an empty body for every upload.
  private static func digest(of body: Body) throws(ObjectStoreError) -> String {
    let digest = ContentDigest()
    switch body {
    case .none: break
    case .bytes(let bytes): bytes.withUnsafeBytes { digest.update($0) }
    case .slice(let file, let range):
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
      defer { buffer.deallocate() }
      var position = range.lowerBound
      while position < range.upperBound {
        let count = try file.read(at: position, into: UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(range.upperBound - position)))
        guard count > 0 else { throw ObjectStoreError(.invalid, "the file became shorter while it was read") }
        digest.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        position += count
      }
    }
    return digest.finish()
  }
}
