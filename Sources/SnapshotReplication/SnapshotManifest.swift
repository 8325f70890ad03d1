import Foundation

/// Names the newest snapshot of a store; written after it, so that a reader finds nothing unfinished.
struct SnapshotManifest: Codable, Equatable {
  static let name = "latest.json"
  static let versionNow = 1

  var version = versionNow
  var sequence: UInt64
  /// The name of the object beside this one.
  var file: String
  var bytes: Int

  enum Problem: Error, CustomStringConvertible {
    case damaged
    case unknownVersion(Int)

    var description: String {
      switch self {
      case .damaged: "\(SnapshotManifest.name) is damaged"
      case .unknownVersion(let version):
        "\(SnapshotManifest.name) has the version \(version); this program knows \(SnapshotManifest.versionNow)"
      }
    }
  }

  init(sequence: UInt64, file: String, bytes: Int) {
    (self.sequence, self.file, self.bytes) = (sequence, file, bytes)
  }

  init(json: [UInt8]) throws(Problem) {
    guard let decoded = try? JSONDecoder().decode(Self.self, from: Data(json)) else { throw .damaged }
    guard decoded.version == Self.versionNow else { throw .unknownVersion(decoded.version) }
    // The name becomes that of a local file.
    guard !decoded.file.contains("/"), !decoded.file.isEmpty, decoded.bytes > 0, decoded.sequence < 1 << 56 else { throw .damaged }
    self = decoded
  }

  func json() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    return Array(try encoder.encode(self))
  }
}
