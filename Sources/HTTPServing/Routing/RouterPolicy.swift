/// What holds for all routes of a router.
public struct RouterPolicy: Sendable {
  public var access = AccessControl.everyone
  public var limiter: RateLimiter?
  public var cors = CORSPolicy.none
  /// Whether errors have the member `error`, as those of the admin server always had.
  public var writesErrorMember = false

  public init(access: AccessControl = .everyone) { self.access = access }
}
