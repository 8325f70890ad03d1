import ConsoleFiles
import ControlPlane
import Foundation
import HTTPServing
import Testing

@Suite struct ConsoleTests {
  private let backend = FakeBackend()
  private let local = ["host": "127.0.0.1:9464"]
  private let page = String(decoding: ConsolePage.shipped.body, as: UTF8.self)

  private func response(_ request: HTTPRequest) throws -> HTTPResponse {
    switch AdminRoutes.router(backend: backend).answer(request) {
    case .now(let response): return response
    case .later: throw Unexpected(description: "\(request.path) is asked for again")
    case .push(let push):
      var answer: HTTPResponse?
      let box = Box()
      push.start { box.response = $0 }
      answer = box.response
      return try #require(answer)
    }
  }

  private final class Box: @unchecked Sendable { var response: HTTPResponse? }
  private struct Unexpected: Error { let description: String }
  private func text(_ response: HTTPResponse) -> String { String(decoding: response.body, as: UTF8.self) }

  // MARK: The page

  /// The base64 digest that the openssl program finds, and not the code that the server uses.
  private func digest(_ text: Substring) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["openssl", "dgst", "-sha256", "-binary"]
    let (input, output) = (Pipe(), Pipe())
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    input.fileHandleForWriting.write(Data(text.utf8))
    try input.fileHandleForWriting.close()
    let digest = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return digest.base64EncodedString()
  }

  private func content(of tag: String) throws -> Substring {
    let start = try #require(page.firstRange(of: "<\(tag)>")?.upperBound)
    return page[start..<(try #require(page.firstRange(of: "</\(tag)>")?.lowerBound))]
  }

  @Test(.disabled(if: !FileManager.default.isExecutableFile(atPath: "/usr/bin/openssl"), "openssl is not installed"))
  func thePolicyAllowsTheScriptAndTheStyleOfThePageAndNothingElse() throws {
    let answer = try response(HTTPRequest("GET", "/", headers: local))
    #expect(answer.status == 200 && answer.contentType == "text/html; charset=utf-8" && answer.body == ConsolePage.shipped.body)
    let policy = try #require(answer.header("Content-Security-Policy"))
    #expect(
      policy == "default-src 'none'; script-src 'sha256-\(try digest(content(of: "script")))'; "
        + "style-src 'sha256-\(try digest(content(of: "style")))'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        + "frame-ancestors 'none'")
    #expect(answer.header("Referrer-Policy") == "no-referrer")
    #expect(answer.header("Cross-Origin-Opener-Policy") == "same-origin")
  }

  @Test func aBrowserThatHasThePageDoesNotLoadItAgain() throws {
    let first = try response(HTTPRequest("GET", "/", headers: local))
    let tag = try #require(first.entityTag)
    let again = try response(HTTPRequest("GET", "/", headers: local.merging(["if-none-match": "\(tag)"]) { $1 }))
    #expect(again.status == 304 && again.body.isEmpty)
  }

  /// Neither is allowed by the policy, and the browser would say so only in its console.
  @Test func theMarkupHasNoStyleAttributesAndNoHandlers() throws {
    let markup = PageText.markup
    #expect(markup.matches(of: /\sstyle\s*=/).isEmpty)
    #expect(markup.matches(of: /\son[a-z]+\s*=/).isEmpty)
    #expect(markup.ranges(of: "<script").count == 1 && markup.ranges(of: "<style").count == 1)
    #expect(!markup.contains("javascript:"))
  }

  @Test func thePageLoadsNothingFromOutside() {
    let addresses = page.matches(of: /(https?:)?\/\/[a-z0-9.-]+\.[a-z]+/.ignoresCase()).map { String($0.output.0) }
    // The names of XML dialects, which nobody loads.
    #expect(Set(addresses).subtracting(["http://www.w3.org"]).isEmpty, "\(addresses)")
    #expect(!PageText.style.contains("@import") && !PageText.style.contains("url("))
  }

  @Test func theScriptWritesTextAndNeverMarkup() {
    for word in [
      "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "createContextualFragment", "srcdoc",
    ] {
      #expect(!PageText.script.contains(word), "\(word)")
    }
    #expect(!PageText.script.contains(#"setAttribute("style""#))
  }

  /// A missing one would end the script at its first use.
  @Test func everyElementThatTheScriptNamesIsInThePage() {
    let named = Set(PageText.script.matches(of: /byId\("([a-z-]+)"\)/).map { String($0.output.1) })
    let present = Set(PageText.markup.matches(of: /\sid="([a-z-]+)"/).map { String($0.output.1) })
    #expect(named.count > 20)
    #expect(named.subtracting(present).isEmpty, "\(named.subtracting(present))")
    for target in PageText.markup.matches(of: /href="#([a-z-]+)"/) { #expect(present.contains(String(target.output.1))) }
    for label in PageText.markup.matches(of: /(for|aria-labelledby|aria-controls)="([a-z-]+)"/) {
      #expect(present.contains(String(label.output.2)))
    }
  }

  @Test func everyRouteThatTheScriptAsksForExists() {
    let paths = Set(AdminRoutes.table.map(\.path))
    let asked = Set(PageText.script.matches(of: /request\("(\/v1\/[a-z\/]+)/).map { String($0.output.1) })
    #expect(asked.contains("/v1/console") && asked.count >= 5)
    for path in asked { #expect(paths.contains(path) || paths.contains { $0.hasPrefix(path) && $0 != path }, "\(path)") }
  }

  // MARK: The routes

  @Test func theReaderSaysWhatItHas() throws {
    #expect(text(try response(HTTPRequest("GET", "/v1/console", headers: local))) == "{\"seq\":5}\n")
    _ = try response(HTTPRequest("GET", "/v1/console", query: ["since": "4"], headers: local))
    _ = try response(HTTPRequest("GET", "/v1/console", query: ["since": "x"], headers: local))
    #expect(backend.state.withLock { $0.sinces } == [nil, 4, nil])
  }

  @Test func anExplanationNeedsAUserAndAnItem() throws {
    let found = try response(HTTPRequest("GET", "/v1/console/why", query: ["user": "u", "item": "i"], headers: local))
    #expect(text(found) == "{\"user\":\"u\",\"item\":\"i\"}\n")
    for query: HTTPQuery in [["user": "u"], ["item": "i"], ["user": "", "item": "i"]] {
      #expect(try response(HTTPRequest("GET", "/v1/console/why", query: query, headers: local)).status == 400)
    }
  }

  @Test(arguments: ["user", "item"]) func lookUpsTakeAnyIdInTheQuery(kind: String) throws {
    let found = try response(HTTPRequest("GET", "/v1/console/\(kind)", query: ["id": "a/<b>"], headers: local))
    #expect(text(found) == "{\"\(kind)\":\"a/<b>\"}\n")
    for query: HTTPQuery in [[:], ["id": ""], ["id": String(repeating: "a", count: 257)]] {
      #expect(try response(HTTPRequest("GET", "/v1/console/\(kind)", query: query, headers: local)).status == 400)
    }
  }
}
