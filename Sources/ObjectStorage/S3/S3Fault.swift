/// What an answer other than success means: a value without I/O.
struct S3Fault {
  let status: Int
  /// The word of the server, such as `NoSuchKey`; empty if there is none.
  let code: String
  let message: String
  /// The region in which the bucket is, if that is the problem.
  let region: String?
  let retryAfter: Duration?

  init(_ response: S3Response) {
    status = response.status
    let document = response.document
    code = document?["Code"] ?? ""
    message = String((document?["Message"] ?? "").prefix(300))
    region = document?["Region"] ?? response.headers["x-amz-bucket-region"]
    retryAfter = response.headers["retry-after"].flatMap { Int($0) }.map { .seconds($0) }
  }

  /// Whether the same request may succeed later.
  var isTransient: Bool {
    switch code {
    case "RequestTimeout", "SlowDown", "InternalError", "OperationAborted", "ConditionalRequestConflict", "ServiceUnavailable": true
    default: status == 408 || status == 429 || (500...599).contains(status) && status != 501
    }
  }

  /// - Parameter subject: what the request was about, such as `s3://bucket/key`.
  func error(_ subject: String, _ address: S3Address) -> ObjectStoreError {
    func failure(_ kind: ObjectStoreError.Code, _ why: String) -> ObjectStoreError { ObjectStoreError(kind, "\(subject): \(why)") }
    switch (status, code) {
    case (_, "NoSuchBucket"):
      return failure(.noStore, "the bucket \(address.bucket) does not exist: create it with `freshet store create \(address)`")
    case (_, "NoSuchKey"), (404, ""), (404, "NotFound"): return failure(.notFound, "there is no such object")
    case (412, _): return failure(.alreadyExists, "it exists already")
    case (301, _), (307, _), (400, "AuthorizationHeaderMalformed"), (400, "IllegalLocationConstraintException"):
      let fix = region.map { "set store.region to \($0)" } ?? "set store.region, or store.endpoint, to those of the bucket"
      return failure(.invalid, "the bucket is in another region or at another endpoint: \(fix)")
    case (_, "SignatureDoesNotMatch"):
      return failure(.denied, "the signature does not match: check the secret key, and that no proxy changes requests")
    case (_, "InvalidAccessKeyId"): return failure(.denied, "the server does not know this access key: check the credentials")
    case (_, "ExpiredToken"), (_, "InvalidToken"): return failure(.denied, "the session token is no longer valid: get new credentials")
    case (_, "RequestTimeTooSkewed"): return failure(.denied, "the clocks of this machine and of the server differ too much")
    case (401, _), (403, _):
      return failure(.denied, "these credentials may not do this (\(words)): grant them the right, or use others")
    default: return failure(isTransient ? .unavailable : .refused, "the server answers \(words)")
    }
  }

  private var words: String { "\(status)" + (code.isEmpty ? "" : " \(code)") + (message.isEmpty ? "" : ": \(message)") }
}
