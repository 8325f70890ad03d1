import Dispatch
import Foundation

/// A temporary directory that is removed when the command ends, including by SIGINT or SIGTERM, but not by kill -9.
final class TemporaryDirectory {
  let path: String
  private var sources: [any DispatchSourceSignal] = []

  init(_ name: String) throws {
    path = try DataDirectory.temporary(name)
    for number in [SIGINT, SIGTERM] {
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler { [path] in
        Self.remove(path)
        _exit(128 + number)
      }
      source.resume()
      sources.append(source)
    }
  }

  deinit {
    stopListening()
    Self.remove(path)
  }

  /// Stops handling signals, because another component handles them and shuts down in order.
  func stopListening() {
    for source in sources { source.cancel() }
    sources = []
  }

  private static func remove(_ path: String) {
    // A snapshot may be being written into it.
    for _ in 0..<10 {
      try? FileManager.default.removeItem(atPath: path)
      guard FileManager.default.fileExists(atPath: path) else { return }
      usleep(10_000)
    }
  }
}
