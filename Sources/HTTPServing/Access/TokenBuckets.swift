/// Token buckets of many keys: each lets `perSecond` requests through on average and up to `burst` at once.
///
/// A key needs one number: when its bucket will be full again. A full bucket is the same as none, so it can be forgotten. If there are more
/// keys than `keysMax` with buckets that are not full, further ones share a bucket, so that memory is bounded without letting anybody
/// through who would not be.
struct TokenBuckets<Key: Hashable & Sendable>: Sendable {
  struct Limit: Sendable, Equatable {
    let nanosecondsPerRequest: Double
    let burst: Double

    init(perSecond: Double, burst: Double) {
      precondition(perSecond > 0 && burst >= 1, "a limit lets at least one request through")
      nanosecondsPerRequest = 1e9 / perSecond
      self.burst = burst
    }
  }

  private let limit: Limit
  private let keysMax: Int
  private var fullAt: [Key: UInt64] = [:]
  private var sharedFullAt: UInt64 = 0
  private var sweptAt: UInt64?
  private static var sweepNanoseconds: UInt64 { 1_000_000_000 }

  init(_ limit: Limit, keysMax: Int) {
    self.limit = limit
    self.keysMax = keysMax
  }

  var count: Int { fullAt.count }

  /// `nil` if the request may pass; else the nanoseconds after which one would.
  mutating func admit(_ key: Key, now: UInt64) -> UInt64? {
    if let full = fullAt[key] {
      let (next, wait) = pass(full, now)
      fullAt[key] = next
      return wait
    }
    if fullAt.count >= keysMax { sweep(now) }
    guard fullAt.count < keysMax else {
      let (next, wait) = pass(sharedFullAt, now)
      sharedFullAt = next
      return wait
    }
    let (next, wait) = pass(0, now)
    fullAt[key] = next
    return wait
  }

  private func pass(_ fullAt: UInt64, _ now: UInt64) -> (fullAt: UInt64, wait: UInt64?) {
    let next = Double(max(fullAt, now) - now) + limit.nanosecondsPerRequest
    let excess = next - limit.burst * limit.nanosecondsPerRequest
    // Half a nanosecond is rounding.
    return excess > 0.5 ? (fullAt, UInt64(excess.rounded(.up))) : (now + UInt64(next), nil)
  }

  private mutating func sweep(_ now: UInt64) {
    if let sweptAt, now < sweptAt + Self.sweepNanoseconds { return }
    sweptAt = now
    fullAt = fullAt.filter { $0.value > now }
  }
}
