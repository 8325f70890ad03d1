#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

extension S3Store {
  /// In the metadata of what is written. If the answer to a request was lost and the repeated one is refused, it tells whether the first
  /// one had succeeded.
  private static let tokenHeader = "x-amz-meta-freshet-write"

  public func put(_ key: ObjectKey, _ content: ObjectContent, _ condition: PutCondition) throws(ObjectStoreError) {
    switch content {
    case .bytes(let bytes):
      if bytes.count <= Self.singleBytesMax { return try put(key, body: .bytes(bytes), condition) }
      let upload = S3Upload(self, key, condition)
      let result = bytes.withUnsafeBytes { bytes in Result { () throws(ObjectStoreError) in try upload.write(bytes) } }
      try result.get()
      try upload.complete()
    case .file(let path):
      let file = try FilePieces(source: path)
      if file.fileBytes <= Self.singleBytesMax { return try put(key, body: .slice(file, 0..<file.fileBytes), condition) }
      try putInParts(key, file, condition)
    }
  }

  public func upload(_ key: ObjectKey, _ condition: PutCondition) throws(ObjectStoreError) -> any ObjectUpload {
    S3Upload(self, key, condition)
  }

  func put(_ key: ObjectKey, body: S3Request.Body, _ condition: PutCondition) throws(ObjectStoreError) {
    let token = Self.newToken()
    var request = try S3Request(.put, address, key, body: body)
    request.set("Content-Type", ContentType.of(key))
    request.set(Self.tokenHeader, token)
    if condition == .ifAbsent { request.set("If-None-Match", "*") }
    var isRepeated = false
    do throws(ObjectStoreError) { _ = try perform(request, subject(key), isRepeated: &isRepeated) } catch {
      guard error.code == .alreadyExists, isRepeated, try isWritten(key, token) else { throw error }
    }
  }

  private static func newToken() -> String { String(UInt64.random(in: .min ... .max), radix: 36) }

  private func isWritten(_ key: ObjectKey, _ token: String) throws(ObjectStoreError) -> Bool {
    try headers(key).headers[Self.tokenHeader] == token
  }

  // MARK: In parts

  private func putInParts(_ key: ObjectKey, _ file: FilePieces, _ condition: PutCondition) throws(ObjectStoreError) {
    let multipart = try beginParts(key)
    do throws(ObjectStoreError) {
      let size = Self.partBytes(forTotal: file.fileBytes)
      var tags: [String] = []
      for start in stride(from: 0, to: file.fileBytes, by: size) {
        let range = start..<min(start + size, file.fileBytes)
        tags.append(try putPart(multipart, number: tags.count + 1, .slice(file, range)))
      }
      try completeParts(multipart, tags, condition)
    } catch {
      try? abortUpload(key, multipart.id)
      throw error
    }
  }

  /// Equal parts but the last, as some servers demand, and no more than a server takes.
  static func partBytes(forTotal bytes: Int) -> Int {
    let needed = (bytes + partsMax - 1) / partsMax
    return max(partBytes, (needed + 0xFFFFF) & ~0xFFFFF)
  }

  /// An object that is being sent in parts.
  struct Multipart {
    let key: ObjectKey
    let id: String
    let token: String
  }

  func beginParts(_ key: ObjectKey) throws(ObjectStoreError) -> Multipart {
    let token = Self.newToken()
    var request = try S3Request(.post, address, key, query: ["uploads": ""])
    request.set("Content-Type", ContentType.of(key))
    request.set(Self.tokenHeader, token)
    let response = try perform(request, subject(key))
    guard let id = response.document?["UploadId"], !id.isEmpty else {
      throw ObjectStoreError(.refused, "\(subject(key)): the server does not begin an upload in parts")
    }
    return Multipart(key: key, id: id, token: token)
  }

  /// Returns the tag of the part.
  func putPart(_ multipart: Multipart, number: Int, _ body: S3Request.Body) throws(ObjectStoreError) -> String {
    let query = ["partNumber": "\(number)", "uploadId": multipart.id]
    var request = try S3Request(.put, address, multipart.key, query: query, body: body)
    request.set("Content-Type", "application/octet-stream")
    let response = try perform(request, subject(multipart.key))
    guard let tag = response.headers["etag"], !tag.isEmpty else {
      throw ObjectStoreError(.refused, "\(subject(multipart.key)): the server gives no tag for part \(number)")
    }
    return tag
  }

  func completeParts(_ multipart: Multipart, _ tags: [String], _ condition: PutCondition) throws(ObjectStoreError) {
    let key = multipart.key
    let parts = tags.enumerated().map { number, tag in
      "<Part><PartNumber>\(number + 1)</PartNumber><ETag>\(XMLElement.escaped(tag))</ETag></Part>"
    }
    let body = Array("<CompleteMultipartUpload>\(parts.joined())</CompleteMultipartUpload>".utf8)
    var request = try S3Request(.post, address, key, query: ["uploadId": multipart.id], body: .bytes(body))
    request.set("Content-Type", "application/xml")
    if condition == .ifAbsent { request.set("If-None-Match", "*") }
    var isRepeated = false
    do throws(ObjectStoreError) {
      // A server that has begun its answer with 200 can still fail.
      _ = try perform(request, subject(key), judge: { $0.document?.name == "Error" ? S3Fault($0) : nil }, isRepeated: &isRepeated)
    } catch {
      guard isRepeated, error.code == .alreadyExists || error.code == .refused, try isWritten(key, multipart.token) else { throw error }
    }
  }

  static func nowMilliseconds() -> Int64 {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return Int64(now.tv_sec) * 1_000 + Int64(now.tv_nsec) / 1_000_000
  }
}
