import Synchronization
import Telemetry

/// Limits the requests of each caller: by the name of the token, or else by the address.
public final class RateLimiter: Sendable {
  private enum Key: Hashable, Sendable {
    case name(String)
    case address(ClientAddress)
    case unknown
  }

  private let buckets: Mutex<TokenBuckets<Key>>
  private let now: @Sendable () -> UInt64
  private let perSecond: Double

  /// - Parameters:
  ///   - burst: the requests that may come at once after a pause.
  ///   - keysMax: the callers that are told apart at the same time.
  public init(
    perSecond: Double, burst: Double, keysMax: Int = 10_000, now: @escaping @Sendable () -> UInt64 = { MonotonicClock.nanoseconds() }
  ) {
    buckets = Mutex(TokenBuckets(.init(perSecond: perSecond, burst: burst), keysMax: keysMax))
    self.now = now
    self.perSecond = perSecond
  }

  /// Throws 429 if the caller has sent too many requests.
  public func admit(_ caller: Caller) throws(Problem) {
    let key: Key = caller.name.map(Key.name) ?? caller.address.map { .address($0.network) } ?? .unknown
    let time = now()
    guard let wait = buckets.withLock({ $0.admit(key, now: time) }) else { return }
    let seconds = (wait + 999_999_999) / 1_000_000_000
    throw Problem(
      .tooManyRequests, "more than \(JSONValue.number(perSecond).text) requests a second",
      fix: "wait \(seconds) s; send several users or events in one request",
      headers: [.init("Retry-After", String(seconds))])
  }
}
