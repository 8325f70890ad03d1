import HTTPServing
import Telemetry

/// The routes of the gateway with all that the OpenAPI document says about them.
extension GatewayService {
  static let tokenNote = "Where the server has tokens, the route needs one with its role."

  var table: RouteTable {
    RouteTable(
      RouteTable.Info(
        title: "Freshet", version: configuration.version,
        description: "Recommendations, events and the catalogue. Ids are texts of 1 to 256 bytes; in a path, a slash in an id is %2F."),
      components: GatewaySchemas.components, routes: allRoutes.map(timed))
  }

  private var allRoutes: [GatewayRoute] {
    listRoutes + eventRoutes + [beaconRoute] + itemRoutes + ruleRoutes + experimentRoutes + operationRoutes
  }

  /// Measures the time to the answer, that of a later one included.
  private func timed(_ route: GatewayRoute) -> DocumentedRoute {
    let name = "\(route.method) \(route.path)"
    let metrics = metrics
    return route.documented { (request) throws(Problem) in
      let start = MonotonicClock.nanoseconds()
      let observe: @Sendable () -> Void = { metrics.observe(name, nanoseconds: MonotonicClock.nanoseconds() - start) }
      switch try route.handler(request) {
      case .now(let response):
        observe()
        return .now(response)
      case .later(let later): return .later(later)
      case .push(var push):
        let begin = push.start
        push = PushedResponse(
          start: { complete in
            begin { response in
              observe()
              complete(response)
            }
          }, instead: push.instead)
        return .push(push)
      }
    }
  }

  private static let user = RouteParameter.path("user", .string(1...256), "The user's id.")
  private static let item = RouteParameter.path("item", .string(1...256), "The item's id.")
  private static let listed = RouteResponse(200, "The list.", schema: GatewaySchemas.list)
  private static let cacheable = [
    RouteResponse(200, "The list.", schema: GatewaySchemas.list, headers: [.init("ETag", "The version of the list.")]),
    RouteResponse(304, "The client has this list."),
  ]
  private static let ifNoneMatch = RouteParameter.header("If-None-Match", .string(), "The ETag of an answer that the client has.")
  private static let filterProblems: [ProblemType] = [.filterSyntax, .filterType, .filterLimit]

  // MARK: Lists

  private var listRoutes: [GatewayRoute] {
    let options = ListOptions.table
    let smaller = Self.popularTable.map(\.parameter) + [Self.ifNoneMatch]
    return [
      GatewayRoute(
        "GET", "/v1/recommend/{user}", id: "recommend", tag: "Lists", summary: "Items for a user, best first.",
        details: "A user of whom nothing is known gets the popular items. The answer must not be stored: its id and age are its own.",
        parameters: [Self.user] + options.map(\.parameter), responses: [Self.listed], problems: Self.filterProblems + [.unavailable],
        handler: recommend),
      GatewayRoute(
        "POST", "/v1/recommend", id: "recommendMany", tag: "Lists", summary: "Items for a user, for many users, or for a visitor.",
        details: """
          Exactly one of `user`, `users` and `items` is needed; with `items`, what an anonymous visitor dealt with, the list is for somebody \
          who did just that. For `users` the answer is an object with `results`, one list for each in their order.
          """,
        body: .json(
          .oneOf(
            [
              .init("user", .string(1...256).described("The user.")),
              .init("users", .array(.string(1...256), count: 0...Self.usersMax).described("The users.")),
              .init("items", Self.itemsOption.schema.described(Self.itemsOption.summary)),
            ].map { (whom: JSONSchema.Property) in .object([whom] + options.map(\.property), allowsMore: false) }),
          "For whom, and the parameters of GET /v1/recommend/{user}."),
        responses: [
          RouteResponse(
            200, "The list, or the lists of `users`.", schema: .oneOf([GatewaySchemas.list, .component("Results")]))
        ], problems: Self.filterProblems + [.unavailable], handler: recommendMany),
      GatewayRoute(
        "GET", "/v1/similar/{item}", id: "similar", tag: "Lists", summary: "Items similar to an item.", parameters: [Self.item] + smaller,
        responses: Self.cacheable, problems: Self.filterProblems + [.notFound, .unavailable], handler: similar),
      GatewayRoute(
        "GET", "/v1/popular", id: "popular", tag: "Lists", summary: "The items with the most recent events.",
        details: "The score is the number of events, older ones counting less.", parameters: smaller, responses: Self.cacheable,
        problems: Self.filterProblems + [.unavailable], handler: popular),
      GatewayRoute(
        "GET", "/v1/trending", id: "trending", tag: "Lists", summary: "The items with the most events in the last hour, day or week.",
        details: "The score is the number of events; a user counts once per item and day. The window ends with the newest event.",
        parameters: Self.trendingTable.map(\.parameter) + [Self.ifNoneMatch], responses: Self.cacheable,
        problems: Self.filterProblems + [.notFound, .unavailable], handler: trending),
      GatewayRoute(
        "POST", "/v1/score", id: "score", tag: "Lists", summary: "The scores of given items for a user.",
        body: .json(
          .object(
            [
              .init("user", .string(1...256)), .init("items", .array(.string(1...256), count: 0...ListOptions.idsMax)),
            ], allowsMore: false), "The user and the items."),
        responses: [RouteResponse(200, "The scores, in the order of the items.", schema: .component("Scores"))],
        problems: [.notFound, .unavailable], handler: score),
      GatewayRoute(
        "GET", "/v1/explain/{user}/{item}", id: "explain", tag: "Lists",
        summary: "What each past interaction of the user contributes to the score of an item.", details: "Answered by the engine.",
        parameters: [Self.user, Self.item], responses: [RouteResponse(200, "The contributions.", schema: .object([]))],
        problems: [.notFound, .notConfigured, .unavailable], handler: explained),
      GatewayRoute(
        "GET", "/v1/similar-users/{user}", id: "similarUsers", tag: "Lists", summary: "The users whose taste is most like a user's.",
        details: "Answered by the engine, which looks at all users.", parameters: [Self.user, Self.similarUsersCount.parameter],
        responses: [RouteResponse(200, "The users, the most similar first.", schema: .component("SimilarUsers"))],
        problems: [.notFound, .notConfigured, .unavailable], handler: similarUsers),
    ]
  }

  // MARK: Events

  private var eventRoutes: [GatewayRoute] {
    [
      GatewayRoute(
        "POST", "/v1/events", id: "postEvents", tag: "Events", summary: "Sends events: one, a list, or one on each line.",
        details: """
          Each event is checked as the engine will read it. 202 means that the broker has acknowledged all of them. If one cannot be \
          accepted, none is; with `partial=1` the others are. After 503 some may have been written: give each an `event_id`, and sending \
          them again counts none twice.
          """,
        requirement: .role(.write),
        parameters: [
          .query("partial", .oneOf(["0", "1", "false", "true"]), "1: accepts the good events of a request with bad ones.")
        ],
        body: RouteBody(
          [
            .init("application/json", .oneOf([.object([]), .array(.object([]), count: 1...EventBatch.eventsMax)])),
            .init(Self.linesType, .string()),
          ], "Events as in schemas/event-v1.schema.json, or in the form that the engine's `input` describes."),
        responses: [RouteResponse(202, "The broker has the events.", schema: .component("Delivery"))],
        problems: [.events, .notConfigured, .unavailable], handler: postEvents),
      GatewayRoute(
        "DELETE", "/v1/users/{id}", id: "forgetUser", tag: "Events", summary: "Forgets a user: writes a tombstone.",
        details: "The engine then deletes all that it knows of the user.", requirement: .role(.write),
        parameters: [.path("id", .string(1...256), "The user's id.")],
        responses: [
          RouteResponse(202, "The broker has the tombstone.", schema: .object([.init("forgotten", .string())]))
        ], problems: [.notConfigured, .unavailable], handler: deleteUser),
    ]
  }

  // MARK: Items

  private static let itemID = RouteParameter.path("id", .string(1...256), "The item's id.")
  private static let wait = RouteParameter.query(
    "wait", .string(2...7), "Waits up to this long, such as 1s or 500ms, until the change stands in the mirror; 202 if it does not by then."
  )
  private static let ifMatch = RouteParameter.header(
    "If-Match", .string(), "The ETag of the version that is changed; 412 if there is another one by now.")
  private static let stored = RouteResponse(
    200, "The document as it stands in the mirror.", schema: GatewaySchemas.item, headers: [.init("ETag", "Its version.")])
  private static let accepted = RouteResponse(
    202, "The broker has the change; the mirror does not have it yet.",
    schema: .object([.init("item_id", .string()), .init("mirrored", .boolean)]))

  private var itemRoutes: [GatewayRoute] {
    let problems: [ProblemType] = [.preconditionFailed, .notConfigured, .unavailable]
    return [
      GatewayRoute(
        "GET", "/v1/items/{id}", id: "getItem", tag: "Items", summary: "The document of an item.",
        parameters: [Self.itemID, Self.ifNoneMatch], responses: [Self.stored, RouteResponse(304, "The client has this version.")],
        problems: [.notFound, .unavailable], handler: getItem),
      GatewayRoute(
        "PUT", "/v1/items/{id}", id: "putItem", tag: "Items", summary: "Writes the document of an item.", requirement: .role(.write),
        parameters: [Self.itemID, Self.wait, Self.ifMatch], body: .json(GatewaySchemas.item, "The document.", sizeMax: 65_536),
        responses: [Self.stored, Self.accepted], problems: problems, handler: putItem),
      GatewayRoute(
        "PATCH", "/v1/items/{id}", id: "patchItem", tag: "Items", summary: "Changes fields of a document (RFC 7396).",
        requirement: .role(.write), parameters: [Self.itemID, Self.wait, Self.ifMatch],
        body: RouteBody(
          [.init("application/merge-patch+json", .object([])), .init("application/json", .object([]))],
          "The fields to change; null removes one.", sizeMax: 65_536),
        responses: [Self.stored, Self.accepted], problems: problems + [.notFound, .preconditionRequired], handler: patchItem),
      GatewayRoute(
        "DELETE", "/v1/items/{id}", id: "deleteItem", tag: "Items", summary: "Takes an item out of the catalogue and out of all lists.",
        requirement: .role(.write), parameters: [Self.itemID, Self.wait, Self.ifMatch],
        responses: [Self.accepted, RouteResponse(204, "The item is gone.")], problems: problems, handler: deleteItem),
      GatewayRoute(
        "POST", "/v1/items", id: "postItems", tag: "Items", summary: "Writes many documents, one on each line.", requirement: .role(.write),
        body: RouteBody(
          [.init(Self.linesType, .string()), .init("application/json", .any)],
          "Up to \(Self.itemsAtOnceMax) documents with their item_id, each on a line of its own."),
        responses: [RouteResponse(202, "The broker has the documents.", schema: .component("Delivery"))],
        problems: [.notConfigured, .unavailable], handler: postItems),
    ]
  }

  // MARK: Operations

  /// Whether the server of the probes has the route.
  func isProbe(_ route: DocumentedRoute) -> Bool { operationRoutes.contains { $0.path == route.path } }

  private var operationRoutes: [GatewayRoute] {
    [
      GatewayRoute(
        "GET", "/livez", id: "live", tag: "Operations", summary: "Whether the process answers.", requirement: .nothing,
        responses: [RouteResponse(200, "It does.", schema: .string(), mediaType: "text/plain")], handler: live),
      GatewayRoute(
        "GET", "/readyz", id: "ready", tag: "Operations", summary: "Whether an epoch and the catalogue are in memory.",
        details: "It stays ready while Redis is away, because popular and context lists come from memory.", requirement: .probe,
        responses: [RouteResponse(200, "They are.", schema: .string(), mediaType: "text/plain")], problems: [.unavailable],
        handler: ready),
      GatewayRoute(
        "GET", "/startupz", id: "started", tag: "Operations", summary: "Whether the start is complete: the same as /readyz.",
        requirement: .probe, responses: [RouteResponse(200, "It is.", schema: .string(), mediaType: "text/plain")],
        problems: [.unavailable], handler: ready),
      GatewayRoute(
        "GET", "/metrics", id: "metrics", tag: "Operations", summary: "Metrics in the text format of Prometheus.", requirement: .probe,
        responses: [RouteResponse(200, "The metrics.", schema: .string(), mediaType: "text/plain")], handler: metricsPage),
    ]
  }
}

/// A route before its handler is wrapped.
struct GatewayRoute {
  let method: String
  let path: String
  let handler: Router.Handler
  private let document: @Sendable (@escaping Router.Handler) -> DocumentedRoute

  init(
    _ method: String, _ path: String, id: String, tag: String, summary: String, details: String = "",
    requirement: AccessControl.Requirement = .role(.read), parameters: [RouteParameter] = [], body: RouteBody? = nil,
    responses: [RouteResponse], problems: [ProblemType] = [], cors: CORSPolicy? = nil, handler: @escaping Router.Handler
  ) {
    self.method = method
    self.path = path
    self.handler = handler
    document = { wrapped in
      DocumentedRoute(
        method, path, id: id, tag: tag, summary: summary, details: details, requirement: requirement, parameters: parameters, body: body,
        responses: responses, problems: problems, cors: cors, handler: wrapped)
    }
  }

  func documented(_ handler: @escaping Router.Handler) -> DocumentedRoute { document(handler) }
}
