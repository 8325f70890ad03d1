import HTTPServing
import Telemetry

// The console: its page, and what the page asks for.
extension AdminRoutes {
  static let consoleTable: [AdminRoute] = [
    AdminRoute(
      method: "GET", path: "/", sentence: "The console, a page for a browser. It needs no token, because it holds nothing of the engine.",
      answers: [(200, "The page."), (304, "The browser has it already.")], isOpen: true
    ) { request, _ in .now(ConsolePage.shipped.response(to: request)) },
    AdminRoute(
      method: "GET", path: "/v1/console", sentence: "The state of the engine in words, as the console shows it.",
      parameters: [("since", "The `seq` of the answer before: what has not changed since is left out.")],
      answers: [
        (
          200,
          "A JSON object with `seq` and, where they changed, `lines` (`id`, `question`, `level`, `text`, `fix`, `figures`), `series` for the "
            + "charts, and `activity`; `full` is true where nothing was left out."
        )
      ]
    ) { request, context in .now(.json(context.backend.consoleJSON(since: request.query["since"].flatMap { Int($0) }))) },
    AdminRoute(
      method: "GET", path: "/v1/console/user", sentence: "A user's list and newest history, with titles.",
      exampleOfPath: "/v1/console/user -G -d id=u1", parameters: [("id", "The id of the user.")], answers: lookUpAnswers
    ) { request, context in lookUp(request, context.backend.consoleUser) },
    AdminRoute(
      method: "GET", path: "/v1/console/item", sentence: "An item's title and its similar items.",
      exampleOfPath: "/v1/console/item -G -d id=i1", parameters: [("id", "The id of the item.")], answers: lookUpAnswers
    ) { request, context in lookUp(request, context.backend.consoleItem) },
    AdminRoute(
      method: "GET", path: "/v1/console/why", sentence: "The parts of an item's score for a user, which add up to it.",
      exampleOfPath: "/v1/console/why -G -d user=u1 -d item=i1",
      parameters: [("user", "The id of the user."), ("item", "The id of the item.")],
      answers: [
        (200, "A JSON object with sentences in `text`, and `parts`: what each past item of the user adds."), lookUpAnswers[1],
        lookUpAnswers[2],
      ]
    ) { request, context in
      guard let user = id("user", in: request), let item = id("item", in: request) else { return noID }
      return .pushed { complete in context.backend.consoleWhy(user: user, item: item) { complete(.json($0)) } }
    },
  ]

  private static let lookUpAnswers: [(status: Int, sentence: String)] = [
    (200, "A JSON object with sentences in `text`, and `problem` if Redis could not be read."),
    (400, "There is no id, or one that is empty or longer than \(idBytesMax) bytes."),
    (503, "Too many look-ups wait already."),
  ]

  private static func id(_ name: String, in request: HTTPRequest) -> String? {
    request.query[name].flatMap { 1...idBytesMax ~= $0.utf8.count ? $0 : nil }
  }

  private static let noID = HTTPAnswer.now(
    .error(400, "name an id of 1 to \(idBytesMax) bytes", fix: "write it into the query, percent-encoded"))

  private static func lookUp(
    _ request: HTTPRequest, _ ask: @escaping @Sendable (String, @escaping @Sendable ([UInt8]) -> Void) -> Void
  ) -> HTTPAnswer {
    guard let id = id("id", in: request) else { return noID }
    return .pushed { complete in ask(id) { complete(.json($0)) } }
  }
}
