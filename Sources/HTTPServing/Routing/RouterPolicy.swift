/// What holds for all routes of a router.
public struct RouterPolicy: Sendable {
  public var access = AccessControl.everyone
  public var limiter: RateLimiter?
  public var cors = CORSPolicy.none
  /// Called with a route's pattern and the nanoseconds that its handler took, until the response was there.
  public var observeDuration: (@Sendable (_ route: String, _ nanoseconds: UInt64) -> Void)?
  /// Whether errors have the member `error`, as those of the admin server always had.
  public var writesErrorMember = false

  public init(access: AccessControl = .everyone) { self.access = access }
}
