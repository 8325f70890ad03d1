/// Why a store did not do what it was asked, with a sentence that says how to fix it and never contains a secret.
public struct ObjectStoreError: Error, Sendable, Equatable, CustomStringConvertible {
  public enum Code: Sendable, Equatable {
    /// There is no object of this name.
    case notFound
    /// `PutCondition.ifAbsent`, and there is one.
    case alreadyExists
    /// The directory or the bucket does not exist.
    case noStore
    /// Credentials are missing, wrong or not sufficient.
    case denied
    /// An address, a name or a setting is wrong.
    case invalid
    /// It did not answer properly, also not when asked again; later it may.
    case unavailable
    /// Any other refusal; asking again would not help.
    case refused
  }

  public let code: Code
  public let description: String

  public init(_ code: Code, _ description: String) {
    self.code = code
    self.description = description
  }
}
