import Foundation
import HTTPServing
import Testing

@testable import Gateway

/// Schemathesis, where it is installed: thousands of requests that follow or break the document, over a running gateway.
///
/// `make test-openapi` installs it in a directory of its own and names it in FRESHET_SCHEMATHESIS.
@Suite struct OpenAPITests {
  private static let program = ProcessInfo.processInfo.environment["FRESHET_SCHEMATHESIS"]

  @Test(.disabled(if: program == nil || !serversAreThere, "SKIPPED: make test-openapi runs it"), .timeLimit(.minutes(15)))
  func theRoutesKeepWhatTheDocumentPromises() throws {
    let token = "a-token-of-the-tests"
    let tokens = NSTemporaryDirectory() + "gw-tokens-\(UUID().uuidString)"
    try token.write(toFile: tokens, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(atPath: tokens) }
    let file = try AccessTokenFile(key: "gateway.token_file", path: tokens, log: .disabled) {
      try String(contentsOfFile: $0, encoding: .utf8)
    }
    let fixture = try ServerFixture { $0.policy = RouterPolicy(access: .tokens(file)) }
    let report = fixture.redis.directory + "/report"
    let process = Process()
    process.executableURL = URL(fileURLWithPath: try #require(Self.program))
    process.currentDirectoryURL = URL(fileURLWithPath: fixture.redis.directory)
    process.arguments = [
      "run", "http://127.0.0.1:\(fixture.server.port)/v1/openapi.json", "--checks", "all", "--max-examples",
      ProcessInfo.processInfo.environment["FRESHET_OPENAPI_EXAMPLES"] ?? "50", "--seed", "20240117", "--workers", "1", "--phases",
      "examples,coverage,fuzzing", "--suppress-health-check", "all", "--max-response-time", "2", "--exclude-checks",
      Self.excluded.joined(separator: ","),
      "--no-color", "--header", "Authorization: Bearer \(token)", "--report", "junit", "--report-junit-path", report,
    ]
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "schemathesis found differences between the document and the routes; see its output above")
  }

  /// - `positive_data_acceptance`: a filter, a duration or the body of a document have a grammar that a schema does not express, so a text
  ///   that the schema allows may be refused with 400.
  /// - `negative_data_rejection`: bodies of events take any member; an integer is accepted for an id, as in events.
  private static let excluded = ["positive_data_acceptance", "negative_data_rejection"]
}
