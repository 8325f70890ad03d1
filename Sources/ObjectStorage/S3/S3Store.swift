import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A store in a bucket of an S3 server.
///
/// Requests are signed by libcurl. What fails for a passing reason is repeated with growing pauses; a read goes on behind the last byte
/// that it has handed over. Objects above 64 MiB are sent in parts.
public final class S3Store: ObjectStore {
  /// A larger object is sent in parts.
  static let singleBytesMax = 64 << 20
  static let partBytes = 16 << 20
  static let partsMax = 10_000
  /// Connections that wait for the next request; more are closed.
  private static let idleConnectionsMax = 4

  public let address: S3Address
  private let credentials: @Sendable () throws(ObjectStoreError) -> S3Credentials
  private let pause: @Sendable (Duration) -> Void
  private let idle = Mutex(Idle())

  /// Connections that are passed on with the lock that guards them.
  private struct Idle: @unchecked Sendable {
    var connections: [S3Connection] = []
  }

  public var name: String { address.description }

  /// - Parameters:
  ///   - credentials: asked for at every request, so that new ones need no restart.
  ///   - pause: waits before a request is repeated.
  public init(
    _ address: S3Address, credentials: @escaping @Sendable () throws(ObjectStoreError) -> S3Credentials,
    pause: @escaping @Sendable (Duration) -> Void = S3Store.sleep
  ) {
    self.address = address
    self.credentials = credentials
    self.pause = pause
  }

  public static let sleep: @Sendable (Duration) -> Void = { duration in
    let (seconds, attoseconds) = duration.components
    var (left, rest) = (timespec(tv_sec: Int(seconds), tv_nsec: Int(attoseconds / 1_000_000_000)), timespec())
    while nanosleep(&left, &rest) != 0, errno == EINTR { left = rest }
  }

  // MARK: Requests

  /// Sends a request until it succeeds, is refused, or has failed too often.
  ///
  /// - Parameters:
  ///   - statuses: what success looks like; any other answer is an error.
  ///   - judge: finds a failure in an answer that looks like success, as servers send when they had begun to answer.
  func perform(
    _ request: S3Request, _ subject: String, accepting statuses: Set<Int> = [200], judge: (S3Response) -> S3Fault? = { _ in nil },
    isRepeated: UnsafeMutablePointer<Bool>? = nil
  ) throws(ObjectStoreError) -> S3Response {
    var attempt = 1
    while true {
      let credentials = try self.credentials()
      let failure: (error: ObjectStoreError, isTransient: Bool, wanted: Duration?)
      do throws(S3Connection.Fault) {
        let response = try borrow { (connection) throws(S3Connection.Fault) in try connection.perform(request, credentials) }
        if statuses.contains(response.status) {
          guard let fault = judge(response) else { return response }
          failure = self.failure(fault, subject, credentials)
        } else {
          failure = self.failure(S3Fault(response), subject, credentials)
        }
      } catch { failure = self.failure(error, subject, credentials) }
      guard failure.isTransient, let wait = wait(after: attempt, failure.wanted) else { throw failure.error }
      isRepeated?.pointee = true
      pause(wait)
      attempt += 1
    }
  }

  private func wait(after attempt: Int, _ wanted: Duration?) -> Duration? {
    address.settings.retries.pause(after: attempt, chance: .random(in: 0...1), wanted: wanted)
  }

  private func failure(_ fault: S3Fault, _ subject: String, _ credentials: S3Credentials) -> (ObjectStoreError, Bool, Duration?) {
    let error = fault.error(subject, address)
    return (ObjectStoreError(error.code, credentials.redacted(error.description)), fault.isTransient, fault.retryAfter)
  }

  private func failure(_ fault: S3Connection.Fault, _ subject: String, _ credentials: S3Credentials) -> (ObjectStoreError, Bool, Duration?)
  {
    switch fault {
    case .transport(let sentence, let isPermanent):
      let why = "\(subject): \(address.base.origin) does not answer: \(credentials.redacted(sentence))"
      return (ObjectStoreError(isPermanent ? .invalid : .unavailable, why), !isPermanent, nil)
    case .tooLarge(let bytes): return (ObjectStoreError(.refused, "\(subject): the answer has more than \(bytes) bytes"), false, nil)
    case .source: return (ObjectStoreError(.invalid, "\(subject): the file can no longer be read, or became shorter"), false, nil)
    case .stopped(let error): return (ObjectStoreError(.refused, "\(subject): \(error)"), false, nil)
    }
  }

  private func borrow<Value, Failure: Error>(_ body: (S3Connection) throws(Failure) -> Value) throws(Failure) -> Value {
    let connection = idle.withLock { $0.connections.popLast() } ?? S3Connection(address.settings)
    defer { idle.withLock { if $0.connections.count < Self.idleConnectionsMax { $0.connections.append(connection) } } }
    return try body(connection)
  }

  func subject(_ key: ObjectKey) -> String { "\(address)/\(key)" }

  // MARK: Reading

  public func read(_ key: ObjectKey, _ range: Range<Int>?, _ take: (UnsafeRawBufferPointer) throws -> Void) throws {
    try withoutActuallyEscaping(take) { try readAll(key, range, $0) }
  }

  private func readAll(_ key: ObjectKey, _ range: Range<Int>?, _ take: @escaping (UnsafeRawBufferPointer) throws -> Void) throws {
    if let range, range.isEmpty { return }
    let start = range?.lowerBound ?? 0
    var (delivered, tag, attempt) = (0, String?.none, 1)
    while true {
      let credentials = try self.credentials()
      var request = try S3Request(.get, address, key)
      if range != nil || delivered > 0 {
        request.set("Range", "bytes=\(start + delivered)-" + (range.map { $0.upperBound == .max ? "" : "\($0.upperBound - 1)" } ?? ""))
      }
      // The rest must be of the same object.
      if let tag, delivered > 0 { request.set("If-Match", tag) }
      let before = delivered
      let failure: (error: ObjectStoreError, isTransient: Bool, wanted: Duration?)
      do throws(S3Connection.Fault) {
        let response = try borrow { (connection) throws(S3Connection.Fault) in
          defer { if delivered > 0, tag == nil { tag = connection.lastResponse.headers["etag"] } }
          return try connection.perform(request, credentials) { piece in
            try take(piece)
            delivered += piece.count
          }
        }
        switch response.status {
        case 206: return
        case 200 where range == nil && before == 0: return
        // The range begins behind the end.
        case 416 where range != nil && before == 0: return
        case 412:
          failure = (ObjectStoreError(.unavailable, "\(subject(key)) was replaced while it was read: read it again"), false, nil)
        case 200:
          failure = (ObjectStoreError(.refused, "\(subject(key)): the server does not answer with a part of an object"), false, nil)
        default: failure = self.failure(S3Fault(response), subject(key), credentials)
        }
      } catch {
        if case .stopped(let reason) = error { throw reason }
        let (reason, isTransient, wanted) = self.failure(error, subject(key), credentials)
        // Without a tag, the rest could be that of another object.
        failure = (reason, isTransient && (delivered == 0 || tag != nil), wanted)
      }
      // Whoever gets on begins to count again.
      if delivered > before { attempt = 1 }
      guard failure.isTransient, let wait = wait(after: attempt, failure.wanted) else { throw failure.error }
      pause(wait)
      attempt += 1
    }
  }

  public func head(_ key: ObjectKey) throws(ObjectStoreError) -> ObjectInfo? {
    let response = try headers(key)
    guard response.status == 200 else { return nil }
    return ObjectInfo(
      key: key, bytes: response.headers["content-length"].flatMap { Int($0) } ?? 0,
      modifiedMilliseconds: StoreTime.milliseconds(header: response.headers["last-modified"] ?? ""), tag: response.headers["etag"] ?? "")
  }

  func headers(_ key: ObjectKey) throws(ObjectStoreError) -> S3Response {
    try perform(try S3Request(.head, address, key), subject(key), accepting: [200, 404])
  }

  // MARK: Removing, and the bucket

  public func remove(_ key: ObjectKey) throws(ObjectStoreError) {
    let response = try perform(try S3Request(.delete, address, key), subject(key), accepting: [200, 204, 404])
    let fault = S3Fault(response)
    if response.status == 404, fault.code == "NoSuchBucket" { throw fault.error(subject(key), address) }
  }

  public func create() throws(ObjectStoreError) -> Bool {
    var body = S3Request.Body.none
    if address.settings.region != "us-east-1" {
      let place = "<LocationConstraint>\(XMLElement.escaped(address.settings.region))</LocationConstraint>"
      body = .bytes(Array("<CreateBucketConfiguration>\(place)</CreateBucketConfiguration>".utf8))
    }
    if try hasBucket() { return false }
    var request = try S3Request(.put, address, body: body)
    request.set("Content-Type", "application/xml")
    // 409: it exists, or another request is creating or removing it.
    let response = try perform(
      request, "the bucket \(address.bucket)", accepting: [200, 409], judge: { S3Fault($0).isTransient ? S3Fault($0) : nil })
    guard response.status == 409 else { return true }
    // Somebody else's, or created at the same moment.
    guard try hasBucket() else {
      throw ObjectStoreError(.denied, "the bucket \(address.bucket) belongs to somebody else: choose another name")
    }
    return false
  }

  private func hasBucket() throws(ObjectStoreError) -> Bool {
    let response = try perform(try S3Request(.head, address), "the bucket \(address.bucket)", accepting: [200, 403, 404])
    if response.status == 403 {
      throw ObjectStoreError(
        .denied, "the bucket \(address.bucket): these credentials are wrong, may not use it, or it belongs to somebody else")
    }
    return response.status == 200
  }
}
