import Foundation
import HTTPServing
import HTTPTestKit
import Testing

/// TLS with throw-away certificates that `openssl` makes and clients that it is.
@Suite struct TLSTests {
  /// A directory with a certificate `NAME.pem` and a key `NAME.key` for each name.
  private final class Certificates {
    let directory = FileManager.default.temporaryDirectory.appending(path: "freshet-tls-\(UUID().uuidString)").path

    init(_ names: String..., days: Int = 2) throws {
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
      for name in names { try make(name, days: days) }
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    func make(_ name: String, days: Int = 2) throws {
      let made = try TLSTests.openssl([
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "\(days)", "-subj", "/CN=\(name)",
        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "\(directory)/\(name).key", "-out", "\(directory)/\(name).pem",
      ])
      try #require(made.status == 0, "\(made.output)")
    }

    func files(_ name: String, key: String? = nil) -> TLSFiles {
      TLSFiles(certificate: "\(directory)/\(name).pem", key: "\(directory)/\(key ?? name).key") {
        try String(contentsOfFile: $0, encoding: .utf8)
      }
    }
  }

  private static func openssl(_ arguments: [String], input: String = "") throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["openssl"] + arguments
    let (stdin, stdout) = (Pipe(), Pipe())
    process.standardInput = stdin
    process.standardOutput = stdout
    process.standardError = stdout
    try process.run()
    stdin.fileHandleForWriting.write(Data(input.utf8))
    try stdin.fileHandleForWriting.close()
    let output = String(decoding: stdout.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return (process.terminationStatus, output)
  }

  /// What the server sends to a request over TLS; it is asked to close the connection afterwards.
  private func get(_ path: String, port: UInt16, authority: String, _ options: String...) throws -> String {
    try Self.openssl(
      ["s_client", "-connect", "127.0.0.1:\(port)", "-CAfile", authority, "-verify_return_error", "-ign_eof"] + options,
      input: "GET \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    ).output
  }

  private func makeServer(_ tls: TLSFiles, listen: String = "127.0.0.1:0") throws -> TestServer {
    try TestServer({
      $0.tls = tls
      $0.listen = listen
    }) { router in
      router.add("GET", "/livez") { _ in .now(.text("it lives")) }
      router.add("GET", "/pushed") { _ in .pushed { $0(.text("pushed over TLS")) } }
    }
  }

  @Test(arguments: ["-tls1_2", "-tls1_3"]) func twoVersionsAreServed(version: String) throws {
    let certificates = try Certificates("a")
    let server = try makeServer(certificates.files("a"))
    for (path, body) in [("/livez", "it lives"), ("/pushed", "pushed over TLS")] {
      let output = try get(path, port: server.port, authority: "\(certificates.directory)/a.pem", version)
      #expect(output.contains("HTTP/1.1 200") && output.contains(body) && output.contains("CN = a"), "\(output)")
    }
  }

  /// The client allows them, at the security level that old versions need.
  @Test(arguments: ["-tls1", "-tls1_1"]) func olderVersionsAreRefused(version: String) throws {
    let certificates = try Certificates("a")
    let server = try makeServer(certificates.files("a"))
    let output = try get(
      "/livez", port: server.port, authority: "\(certificates.directory)/a.pem", version, "-cipher", "ALL:@SECLEVEL=0")
    // The server ends the handshake; `no protocols available` would mean that the client did not even begin it.
    #expect(output.contains("Cipher is (NONE)") && !output.contains("no protocols available"), "\(output)")
    #expect(!output.contains("it lives"))
  }

  @Test func aNewCertificateIsServedAfterReloadAndABrokenOneIsNot() throws {
    let certificates = try Certificates("old", "new")
    let server = try makeServer(certificates.files("old"))
    let (old, new) = ("\(certificates.directory)/old", "\(certificates.directory)/new")
    let expires = try #require(server.server.certificateExpires)
    #expect(abs(expires - Int(Date().timeIntervalSince1970) - 2 * 86_400) < 3600)
    try Data("nonsense".utf8).write(to: URL(filePath: old + ".pem"))
    #expect(throws: TLSError.self) { try server.server.reloadCertificate() }
    for suffix in [".pem", ".key"] { try Data(contentsOf: URL(filePath: new + suffix)).write(to: URL(filePath: old + suffix)) }
    for _ in 0..<3 { try server.server.reloadCertificate() }
    let output = try get("/livez", port: server.port, authority: new + ".pem")
    #expect(output.contains("CN = new") && output.contains("it lives"), "\(output)")
  }

  @Test func manyHandshakesAtOnceWhileTheCertificateChanges() throws {
    let certificates = try Certificates("a")
    let server = try makeServer(certificates.files("a"))
    let authority = "\(certificates.directory)/a.pem"
    let outcomes = Seen()
    DispatchQueue.concurrentPerform(iterations: 8) { index in
      try? server.server.reloadCertificate()
      outcomes.append((try? get("/livez", port: server.port, authority: authority))?.contains("it lives") == true ? "ok" : "failed")
    }
    #expect(outcomes.all == Array(repeating: "ok", count: 8))
  }

  /// A write to a closed connection raises a signal that would end the process, if nobody prevents it.
  @Test func aClientThatLeavesDuringAnAnswerDoesNoHarm() throws {
    let certificates = try Certificates("a")
    let server = try TestServer({ $0.tls = certificates.files("a") }) { router in
      router.add("GET", "/large") { _ in .now(HTTPResponse(contentType: "image/png", body: [UInt8](repeating: 7, count: 20_000_000))) }
      router.add("GET", "/livez") { _ in .now(.text("it lives")) }
    }
    for _ in 0..<3 {
      let process = Process()
      process.executableURL = URL(filePath: "/bin/sh")
      process.arguments = [
        "-c",
        "printf 'GET /large HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n' | openssl s_client -quiet -connect 127.0.0.1:\(server.port) 2>/dev/null | head -c 1000 > /dev/null",
      ]
      try process.run()
      process.waitUntilExit()
    }
    #expect(try get("/livez", port: server.port, authority: "\(certificates.directory)/a.pem").contains("it lives"))
  }

  @Test func aClientWithoutTLSGetsNothing() throws {
    let certificates = try Certificates("a")
    let client = try makeServer(certificates.files("a")).client()
    #expect(client.get("/livez") == nil && client.isClosedByServer())
  }

  @Test func withTLSOtherMachinesMayReachTheServer() throws {
    let certificates = try Certificates("a")
    #expect(try makeServer(certificates.files("a"), listen: "0.0.0.0:0").port > 0)
  }

  @Test func filesThatCannotBeUsedAreAnErrorThatNamesThem() throws {
    let certificates = try Certificates("a", "b")
    for (files, text) in [
      (certificates.files("a", key: "b"), "does not belong"), (certificates.files("missing"), "cannot be read"),
      (TLSFiles(certificate: "\(certificates.directory)/a.pem", key: "x") { _ in "SECRET" }, "PEM without a passphrase"),
      (TLSFiles(certificate: "\(certificates.directory)/a.key", key: "x") { _ in "" }, "certificate"),
    ] {
      let error = #expect(throws: HTTPServerError.self) { try makeServer(files) }
      #expect(
        error?.description.contains(text) == true && error?.description.contains("SECRET") == false, "\(error.map { "\($0)" } ?? "none")")
    }
  }
}
