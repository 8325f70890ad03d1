/// Why a run is not, or not wholly, on the server; the description says what to do, and contains no secret.
public struct TrackingError: Error, Sendable, Equatable, CustomStringConvertible {
  public enum Code: Sendable, Equatable {
    /// The address or another setting cannot be used.
    case invalidSettings
    /// No server would take the run.
    case invalidRun
    /// No answer, or one that says that the server is not able to work now.
    case unavailable
    /// It asks for credentials, or refuses those that are set.
    case unauthorized
    /// It refuses what is asked with these credentials, or from this client.
    case forbidden
    /// The server has given its reason.
    case refused
    /// What answers is not the expected server.
    case unexpectedAnswer
    /// An experiment of this name was deleted, and blocks the name.
    case deletedExperiment
    /// A file that is sent cannot be read.
    case unreadableArtifact
  }

  public let code: Code
  public let description: String
  /// The reason as the server names it, such as RESOURCE_ALREADY_EXISTS.
  public var serverCode: String?
  /// Whether the same request may succeed a little later.
  var isTransient = false
  /// What the server asks to wait.
  var retryAfter: Duration?

  init(_ code: Code, _ description: String) {
    self.code = code
    self.description = description
  }
}
