/// Recognises automated clients by the `User-Agent` that they send.
enum BotAgent {
  /// Parts of names, in lower case.
  private static let marks = [
    "bot", "crawl", "spider", "slurp", "headless", "lighthouse", "pingdom", "preview", "monitor", "scrap", "fetch", "archive", "curl/",
    "wget/", "python", "java/", "go-http-client", "okhttp", "libwww", "httpclient", "axios", "node-fetch", "phantomjs", "selenium",
  ]

  /// - Parameter agent: the header `User-Agent`, which every browser sends.
  static func isBot(_ agent: String?) -> Bool {
    guard let agent = agent?.lowercased(), !agent.isEmpty else { return true }
    return marks.contains { agent.contains($0) }
  }
}
