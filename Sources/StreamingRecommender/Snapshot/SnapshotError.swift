public struct SnapshotError: Error, CustomStringConvertible, Sendable, Equatable {
  public enum Code: Sendable, Equatable {
    case notASnapshot
    case unknownVersion(got: UInt32, known: ClosedRange<UInt32>)
    /// A section that a later version wrote, and that the state is not whole without.
    case unknownSection(name: String, version: UInt16)
    case checksumMismatch(section: String)
    case truncated(atByte: Int)
    case malformed(String)
    case tooManyTopics(snapshot: [String], configured: [String])
    case input(String)
  }

  public let code: Code
  public let path: String

  public init(_ code: Code, path: String) {
    self.code = code
    self.path = path
  }

  /// Whether the snapshot before this one may stand in.
  public var isRecoverable: Bool {
    switch code {
    case .unknownVersion, .unknownSection, .tooManyTopics, .input: false
    default: true
    }
  }

  public var description: String {
    let what =
      switch code {
      case .notASnapshot: "this is not a snapshot of freshet"
      case .unknownVersion(let got, let known):
        "format version \(got); this program reads versions \(known.lowerBound) to \(known.upperBound). Run the program that wrote it, or move the file away"
      case .unknownSection(let name, let version):
        "section \(name) has version \(version), which a later program wrote. Run that program, or move the file away"
      case .checksumMismatch(let section): "the checksum of section \(section) does not match; the file is damaged"
      case .truncated(let byte): "the file ends too early, at byte \(byte)"
      case .malformed(let why): "the content makes no sense: \(why)"
      case .tooManyTopics(let snapshot, let configured):
        "it was made from the topics \(snapshot), the configuration names \(configured): one state can read 16 topics in its lifetime. Use another instance.data_dir"
      case .input(let why): why
      }
    return "snapshot \(path): \(what)"
  }
}
