import CHiredis
import Foundation
import StreamingRecommender
import Telemetry

/// One connection to one Redis server. Not thread-safe.
///
/// hiredis connects and parses replies; writing is done here, because hiredis 0.14 writes without MSG_NOSIGNAL, and a closed peer
/// would end the process with SIGPIPE. Replies are bounded in size, number of elements, nesting and time, so that a broken or
/// hostile server cannot exhaust memory.
public final class RedisConnection {
  public let address: RedisAddress
  /// The name under which the server lists this connection; `nil` if it refused to set one.
  private(set) var name: String?
  private let timeout: Duration
  private let replyBytesMax: Int
  private let context: UnsafeMutablePointer<redisContext>

  /// The reply to a write is a few bytes; a stored list is below 64 KiB for every reasonable `topn.n`.
  public static let replyBytesMaxOfWriter = 65_536
  public static let replyBytesMaxOfReader = 16 * 1_048_576
  static let replyElementsMax: Int32 = 1024

  public init(_ address: RedisAddress, timeout: Duration, replyBytesMax: Int = RedisConnection.replyBytesMaxOfWriter) throws {
    self.address = address
    self.timeout = timeout
    self.replyBytesMax = replyBytesMax
    let limit = timeout.timeval
    let opened =
      switch address.endpoint {
      case .tcp(let host, let port): redisConnectWithTimeout(host, Int32(port), limit)
      case .unix(let path): redisConnectUnixWithTimeout(path, limit)
      }
    guard let opened else { throw RedisError(.io, "cannot connect to Redis at \(address) (out of memory)") }
    guard opened.pointee.err == 0 else {
      let reason = Self.text(of: opened)
      redisFree(opened)
      throw RedisError(.io, "cannot connect to Redis at \(address) (\(reason))")
    }
    context = opened
    redisSetTimeout(opened, limit)
    if case .tcp = address.endpoint { redisEnableKeepAlive(opened) }
    _ = fcntl(opened.pointee.fd, F_SETFD, FD_CLOEXEC)
    opened.pointee.reader.pointee.fn = BoundedReplies.functions
  }

  deinit { redisFree(context) }

  /// Connects, logs in, selects the database and checks that the server answers.
  public static func open(
    _ configuration: RecommenderConfiguration.Redis, clientName: String, replyBytesMax: Int = RedisConnection.replyBytesMaxOfWriter
  ) throws -> RedisConnection {
    let address = try RedisAddress(configuration.url)
    let credentials = try RedisCredentials(configuration)
    let connection = try RedisConnection(address, timeout: configuration.timeout, replyBytesMax: replyBytesMax)
    if let credentials { try connection.command(credentials.command) }
    // Optional, so an error is not thrown: the name labels the connection in CLIENT LIST.
    let name = RedisKeys.encode(clientName)
    if case .status = try connection.exchange(["CLIENT", "SETNAME", name]) { connection.name = name }
    if address.database != 0 { try connection.command(["SELECT", "\(address.database)"]) }
    try connection.command(["PING"])
    return connection
  }

  /// Executes one command; an error reply is thrown.
  @discardableResult
  public func command(_ arguments: [String]) throws -> RedisReply { try command(arguments.map { .text($0) }) }

  @discardableResult
  func command(_ arguments: [RESPWriter.Argument]) throws -> RedisReply {
    let reply = try exchange(arguments)
    if case .error(let text) = reply { throw RedisError(reply: text) }
    return reply
  }

  /// Executes one command; an error reply is returned like any other.
  public func exchange(_ arguments: [String]) throws -> RedisReply { try exchange(arguments.map { .text($0) }) }

  func exchange(_ arguments: [RESPWriter.Argument]) throws -> RedisReply {
    var writer = RESPWriter()
    writer.append(arguments)
    try send(writer.bytes)
    let reply = try nextReply()
    try expectNoMore()
    return reply
  }

  /// Sends encoded commands; the caller then reads one reply for each.
  public func send(_ bytes: [UInt8]) throws {
    try bytes.withUnsafeBytes { buffer in
      var sent = 0
      while sent < buffer.count {
        let count = Foundation.send(context.pointee.fd, buffer.baseAddress! + sent, buffer.count - sent, Int32(MSG_NOSIGNAL))
        if count > 0 {
          sent += count
        } else if errno != EINTR {
          throw failure(errno, "writing to")
        }
      }
    }
  }

  public func nextReply() throws -> RedisReply {
    let reply = try receive()
    defer { freeReplyObject(reply) }
    return RedisReply(reply)
  }

  /// Reads one reply and returns what kind of error it is, if it is one; cheaper than `nextReply` for writers.
  func nextError() throws -> RedisError? {
    let reply = try receive()
    defer { freeReplyObject(reply) }
    return reply.pointee.type == REDIS_REPLY_ERROR ? RedisError(reply: RedisReply.string(reply.pointee)) : nil
  }

  /// Throws if replies are left over: later replies could no longer be matched to their commands.
  func expectNoMore() throws {
    let reader = context.pointee.reader.pointee
    guard reader.pos == reader.len else { throw RedisError(.protocol, "\(address) sent more replies than there were commands") }
  }

  /// Lets another thread interrupt a blocking read with `shutdown`; valid while this object lives.
  var fileDescriptor: Int32 { context.pointee.fd }

  private func receive() throws -> UnsafeMutablePointer<redisReply> {
    var received = 0
    var deadline: UInt64?
    while true {
      var raw: UnsafeMutableRawPointer?
      guard redisGetReplyFromReader(context, &raw) == REDIS_OK else {
        throw RedisError(.protocol, "\(address) sent something that is not a reply of Redis (\(Self.text(of: context)))")
      }
      if let raw { return raw.assumingMemoryBound(to: redisReply.self) }
      // The socket's own time-out starts again with every byte received; this deadline does not.
      let now = MonotonicClock.nanoseconds()
      let end = deadline ?? now + timeout.nanoseconds
      deadline = end
      guard now <= end else { throw RedisError(.timeout, "\(address) did not finish its reply within \(timeout)") }
      let before = context.pointee.reader.pointee.len
      errno = 0
      if redisBufferRead(context) != REDIS_OK {
        let cause = errno
        throw context.pointee.err == REDIS_ERR_IO ? failure(cause, "reading from") : RedisError(.io, "\(address) closed the connection")
      }
      received += context.pointee.reader.pointee.len - before
      guard received <= replyBytesMax + 16_384 else {
        throw RedisError(.protocol, "\(address) sent a reply of more than \(replyBytesMax) bytes")
      }
    }
  }

  private func failure(_ cause: Int32, _ doing: String) -> RedisError {
    cause == EAGAIN || cause == EWOULDBLOCK || cause == ETIMEDOUT
      ? RedisError(.timeout, "\(address) did not answer within \(timeout)")
      : RedisError(.io, "\(doing) \(address) failed (\(String(cString: strerror(cause))))")
  }

  private static func text(of context: UnsafeMutablePointer<redisContext>) -> String {
    withUnsafeBytes(of: context.pointee.errstr) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}

/// The functions with which hiredis builds replies, with a bound on arrays: the original allocates whatever a header announces.
private enum BoundedReplies {
  private static let original: redisReplyObjectFunctions = {
    let reader = redisReaderCreate()!
    defer { redisReaderFree(reader) }
    return reader.pointee.fn.pointee
  }()

  /// Made once and never freed or changed, so every connection may point at it from any thread.
  nonisolated(unsafe) static let functions: UnsafeMutablePointer<redisReplyObjectFunctions> = {
    let bounded = UnsafeMutablePointer<redisReplyObjectFunctions>.allocate(capacity: 1)
    bounded.initialize(to: original)
    bounded.pointee.createArray = { task, elements in
      elements <= RedisConnection.replyElementsMax ? BoundedReplies.original.createArray(task, elements) : nil
    }
    return bounded
  }()
}
