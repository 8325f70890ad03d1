/// An error while reading or writing a snapshot; the description says what to do.
public struct SnapshotError: Error, CustomStringConvertible, Sendable, Equatable {
  public enum Code: Sendable, Equatable {
    case notASnapshot
    case unknownVersion(got: UInt32, known: ClosedRange<UInt32>)
    /// A required section written by a newer version.
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

  /// Whether recovery may fall back to the previous snapshot.
  public var isRecoverable: Bool {
    switch code {
    case .unknownVersion, .unknownSection, .tooManyTopics, .input: false
    default: true
    }
  }

  public var description: String {
    let what =
      switch code {
      case .notASnapshot: "the file is not a freshet snapshot"
      case .unknownVersion(let got, let known):
        "format version \(got); this program reads versions \(known.lowerBound) to \(known.upperBound). Run the program that wrote it, or move the file away"
      case .unknownSection(let name, let version):
        "section \(name) has version \(version), which a newer version of freshet wrote. Run that version, or move the file away"
      case .checksumMismatch(let section): "the checksum of section \(section) does not match; the file is damaged"
      case .truncated(let byte): "the file ends too early, at byte \(byte)"
      case .malformed(let why): "the content is invalid: \(why)"
      case .tooManyTopics(let snapshot, let configured):
        "the snapshot has the topics \(snapshot), the configuration \(configured); together they exceed the limit of 16 topics per state. Use another instance.data_dir"
      case .input(let why): why
      }
    return "snapshot \(path): \(what)"
  }
}
