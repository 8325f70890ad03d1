/// An access key of an S3 server. It never shows its secrets, not even in a debugger's or a crash's output.
public struct S3Credentials: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  public let accessKey: String
  let secretKey: String
  let sessionToken: String?

  public init(accessKey: String, secretKey: String, sessionToken: String? = nil) {
    self.accessKey = accessKey
    self.secretKey = secretKey
    self.sessionToken = sessionToken.flatMap { $0.isEmpty ? nil : $0 }
  }

  public var description: String { "access key \(accessKey)" }
  public var debugDescription: String { description }
  public var customMirror: Mirror { Mirror(self, children: ["accessKey": accessKey]) }

  /// The text without these secrets, should a server or a library repeat one.
  func redacted(_ text: String) -> String {
    var text = text
    for secret in [secretKey, sessionToken ?? ""] where secret.utf8.count >= 4 { text = text.replacing(secret, with: "***") }
    return text
  }
}
