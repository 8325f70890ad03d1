import Foundation
import Testing

@testable import freshet

/// Data from files and events that another user may have written.
@Suite struct TrustTests {
  private func makeDirectory(mode: Int = 0o700) throws -> String {
    let path = try DataDirectory.temporary("trust")
    try setMode(path, mode)
    return path
  }

  private func setMode(_ path: String, _ mode: Int) throws {
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
  }

  private let endpoints = Endpoints(
    pid: getpid(), bootstrapServers: "127.0.0.1:1", redisURL: "redis://127.0.0.1:1", admin: "127.0.0.1:1", topics: ["events"],
    keyPrefix: "freshet", namespace: "default", isEmbedded: false)

  private func complaint(_ directory: String) -> String {
    let error = #expect(throws: CommandFailure.self) { try Endpoints.find(dataDirectory: directory) }
    return error?.description ?? ""
  }

  @Test func ownEndpointsAreFoundWhateverTheUmask() throws {
    let directory = try makeDirectory()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let mask = umask(0)
    defer { umask(mask) }
    #expect(try Endpoints.find(dataDirectory: directory) == nil)
    try endpoints.write(to: directory)
    #expect(try Endpoints.find(dataDirectory: directory) == endpoints)
    #expect(try Endpoints.find(dataDirectory: directory + "/none") == nil)
  }

  @Test func aFileThatOthersMayWriteIsRefusedWithTheFix() throws {
    let directory = try makeDirectory()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try endpoints.write(to: directory)
    for mode in [0o664, 0o646] {
      try setMode(directory + "/endpoints.json", mode)
      #expect(complaint(directory).contains("chmod go-w '\(directory)/endpoints.json'"))
    }
    try setMode(directory + "/endpoints.json", 0o600)
    #expect(try Endpoints.find(dataDirectory: directory) == endpoints)
    try setMode(directory, 0o777)
    #expect(complaint(directory).contains("chmod go-w '\(directory)'"))
  }

  @Test func aLinkOrAPipeIsRefused() throws {
    let directory = try makeDirectory()
    let other = try makeDirectory()
    defer { for path in [directory, other] { try? FileManager.default.removeItem(atPath: path) } }
    try endpoints.write(to: other)
    try FileManager.default.createSymbolicLink(atPath: directory + "/endpoints.json", withDestinationPath: other + "/endpoints.json")
    #expect(complaint(directory).contains("symbolic link"))
    unlink(directory + "/endpoints.json")
    #expect(mkfifo(directory + "/endpoints.json", 0o600) == 0)
    #expect(complaint(directory).contains("not a regular file"))
  }

  @Test(.disabled(if: geteuid() != 0, "needs root to give a file away")) func aFileOfAnotherUserIsRefused() throws {
    let directory = try makeDirectory()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try endpoints.write(to: directory)
    #expect(chown(directory + "/endpoints.json", 65_534, 65_534) == 0)
    #expect(complaint(directory).contains("belongs to another user (uid 65534)"))
  }

  @Test func tablesShowNoControlCharacters() {
    var table = TextTable([.left, .right])
    table.add(["\u{1B}]0;title\u{7}item\r\n", "\u{202E}gnp.exe"])
    table.add(["Bücher 本 👩‍🚀", "1"])
    let lines = table.description.split(separator: "\n")
    #expect(lines.count == 2)
    #expect(lines[0].contains(#"\u{1b}]0;title\u{7}item\u{d}\u{a}  \u{202e}gnp.exe"#))
    #expect(lines[1].hasPrefix("Bücher 本 👩‍🚀"))
    #expect(lines[0].count == lines[1].count)
  }

  @Test func notesKeepTheirLines() {
    #expect(TerminalText.escaped("a\nb\u{9B}31m\u{2028}", keepsLines: true) == "a\nb\\u{9b}31m\\u{2028}")
    #expect(TerminalText.escaped("a\nb") == "a\\u{a}b")
  }
}
