/// What a route asks for beside its handler.
public struct RouteOptions: Sendable {
  public var requirement = AccessControl.Requirement.role(.read)
  /// Whether responses may be compressed. Off where compression costs more than it saves, or where the body mixes a secret with what the
  /// client sends.
  public var compresses = true
  /// The largest body; `nil` for the server's limit, which it cannot exceed.
  public var bodyBytesMax: Int?
  /// In place of the router's.
  public var cors: CORSPolicy?
  /// Whether the rate limit counts its requests; probes are never limited.
  public var isLimited = true

  public init(requirement: AccessControl.Requirement = .role(.read)) { self.requirement = requirement }
}
