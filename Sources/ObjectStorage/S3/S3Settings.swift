/// How an S3 server is reached; what an address says of it comes first.
public struct S3Settings: Sendable, Equatable {
  /// Where the name of the bucket stands: in the path, or in front of the host.
  public enum Style: String, Sendable, CaseIterable {
    /// In front of the host at AWS, and in the path everywhere else.
    case auto
    case path
    case virtual
  }

  /// `http://host:port` or `https://...`; `nil` is AWS.
  public var endpoint: String?
  public var region = "us-east-1"
  public var style = Style.auto
  /// A file with the certificates that the server's may be signed by; empty: those of the system.
  public var caFile = ""
  /// A request whose data stand still for this long has failed, however long it takes as a whole.
  public var timeout = Duration.seconds(30)
  public var retries = RetryPolicy()

  public init() {}
}
