import Foundation

/// Data that may not be shipped, for tests that say why they are skipped without them.
enum MovieLens {
  private static let directory: URL =
    (ProcessInfo.processInfo.environment["FRESHET_DATA_SETS"] ?? ProcessInfo.processInfo.environment["FRESHET_SHARED_DATA"])
    .map { URL(fileURLWithPath: $0) }
    ?? URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("shared/data")

  static func path(_ name: String) -> String { directory.appendingPathComponent(name).path }

  /// The tests take minutes without optimisation.
  static var isDebug: Bool {
    #if DEBUG
      true
    #else
      false
    #endif
  }
}
