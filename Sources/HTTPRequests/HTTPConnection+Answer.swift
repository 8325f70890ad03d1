extension HTTPConnection {
  /// What a server answered.
  public struct Answer: Sendable, Equatable {
    public var status = 0
    /// By name in lower case.
    public var headers: [String: String] = [:]
    public var body: [UInt8] = []

    public init() {}

    /// How long the server asks to wait; `nil` also if it names a date, which would need its clock.
    public var retryAfter: Duration? {
      headers["retry-after"].flatMap { Int($0) }.flatMap { 0...86_400 ~= $0 ? .seconds($0) : nil }
    }
  }

  /// Why there is no answer.
  public struct Fault: Error, Sendable, Equatable {
    public enum Kind: Sendable, Equatable {
      /// No answer came; a second attempt may get one.
      case transport
      /// A second attempt would fail in the same way.
      case permanent
      case answerTooLarge
      /// The file that is sent cannot be read, or became shorter.
      case unreadableFile
    }

    public var kind: Kind
    /// Without credentials and without the address; mostly in the words of libcurl.
    public var sentence: String
    /// Of an answer that was too large; else 0.
    public var status = 0

    public init(_ kind: Kind, _ sentence: String, status: Int = 0) {
      self.kind = kind
      self.sentence = sentence
      self.status = status
    }
  }
}
