import CRdKafka

/// The version of librdkafka, because known faults end at one.
public struct LibraryVersion: Comparable, Sendable, CustomStringConvertible {
  public let major: Int, minor: Int, patch: Int

  public init(_ major: Int, _ minor: Int, _ patch: Int) {
    self.major = major
    self.minor = minor
    self.patch = patch
  }

  /// Of the library this process runs with, which need not be the one it was built with.
  public static var linked: LibraryVersion {
    let packed = Int(rd_kafka_version())
    return LibraryVersion(packed >> 24 & 0xff, packed >> 16 & 0xff, packed >> 8 & 0xff)
  }

  public static func < (a: LibraryVersion, b: LibraryVersion) -> Bool {
    (a.major, a.minor, a.patch) < (b.major, b.minor, b.patch)
  }
  public var description: String { "\(major).\(minor).\(patch)" }
}
