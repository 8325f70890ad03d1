import HTTPServing

/// What a gateway needs to take events from web pages.
public struct BeaconConfiguration: Sendable {
  public var keys: WatchedFile<BeaconKeys>
  /// Signs user ids; without it pages send anonymous ids only.
  public var secret: [UInt8]?
  /// Requests a second of one address; five times as many may come at once.
  public var ratePerSecond: Double

  public init(keys: WatchedFile<BeaconKeys>, secret: [UInt8]? = nil, ratePerSecond: Double = 20) {
    self.keys = keys
    self.secret = secret
    self.ratePerSecond = ratePerSecond
  }
}
