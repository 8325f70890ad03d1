import ConsoleFiles
import Digests
import Foundation
import HTTPServing

/// The page of the console: one document with its style and its script inside, and the headers that keep anything else from running in it.
public struct ConsolePage: Sendable {
  /// The page of this program.
  public static let shipped = ConsolePage(markup: PageText.markup, style: PageText.style, script: PageText.script)

  public let body: [UInt8]
  public let headers: [HTTPResponse.Header]
  private let tag: EntityTag

  /// - Parameter markup: holds `{{style}}` and `{{script}}` once each.
  public init(markup: String, style: String, script: String) {
    for (place, text, end) in [("{{style}}", style, "</style"), ("{{script}}", script, "</script")] {
      precondition(markup.ranges(of: place).count == 1, "the page has no place \(place), or several")
      precondition(!text.contains(end), "a part of the page contains \(end), which would end it")
    }
    body = Array(markup.replacing("{{style}}", with: style).replacing("{{script}}", with: script).utf8)
    headers = [
      .init("Content-Security-Policy", Self.policy(style: style, script: script)),
      .init("Referrer-Policy", "no-referrer"),
      .init("Cross-Origin-Opener-Policy", "same-origin"),
    ]
    tag = EntityTag(of: body)
  }

  /// Only this style and this script, requests to this server only, and no other page around it.
  private static func policy(style: String, script: String) -> String {
    [
      "default-src 'none'", "script-src \(source(script))", "style-src \(source(style))", "img-src data:", "connect-src 'self'",
      "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
    ].joined(separator: "; ")
  }

  private static func source(_ text: String) -> String {
    "'sha256-\(Data(SHA256Digest(of: Array(text.utf8)).bytes).base64EncodedString())'"
  }

  func response(to request: HTTPRequest) -> HTTPResponse {
    HTTPResponse.cached(for: request, tag) { HTTPResponse(contentType: "text/html; charset=utf-8", headers: headers, body: body) }
  }
}
