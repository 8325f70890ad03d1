import Foundation
import ObjectStorage

/// The S3 servers of `Tests/Platform/s3_servers.py`, started once for all tests. They end with this process.
final class StoreServers: Sendable {
  struct Server: Decodable, Sendable {
    var name, endpoint, accessKey, secretKey: String
  }

  private let process: Process
  /// The servers end when this is closed.
  private let input: Pipe
  private let servers: [Server]

  private init(python: String, script: String) throws {
    (process, input) = (Process(), Pipe())
    let output = Pipe()
    process.executableURL = URL(filePath: python)
    process.arguments = [script]
    (process.standardInput, process.standardOutput) = (input, output)
    try process.run()
    var line = Data()
    while !line.contains(UInt8(ascii: "\n")) {
      let more = output.fileHandleForReading.availableData
      if more.isEmpty { throw CocoaError(.fileReadUnknown) }
      line += more
    }
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    servers = try decoder.decode([Server].self, from: line)
  }

  private static let package = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// The Python of the virtual environment of `make test-platform`; `nil` if there is none.
  static let python: String? = {
    let venv = ProcessInfo.processInfo.environment["FRESHET_PLATFORM_VENV"] ?? package.appending(path: ".build/platform").path
    let python = venv + "/bin/python"
    return FileManager.default.isExecutableFile(atPath: python) ? python : nil
  }()

  /// Whether tests that need these servers are skipped. With `FRESHET_REQUIRE_PLATFORM` set they fail instead.
  static let areMissing: Bool = {
    guard python == nil, ProcessInfo.processInfo.environment["FRESHET_REQUIRE_PLATFORM"] == nil else { return false }
    FileHandle.standardError.write(Data("SKIPPED: tests with S3 servers; run `make test-platform`, which installs them\n".utf8))
    return true
  }()

  private static let started = Result {
    try StoreServers(python: python ?? "/nonexistent", script: package.appending(path: "Tests/Platform/s3_servers.py").path)
  }

  static func server(_ name: String) throws -> Server {
    guard let server = try started.get().servers.first(where: { $0.name == name }) else { throw CocoaError(.fileNoSuchFile) }
    return server
  }
}
