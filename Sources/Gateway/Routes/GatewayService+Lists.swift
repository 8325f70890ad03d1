import HTTPServing
import ItemMetadata
import ServingFormats
import StreamingRecommender
import Telemetry

// Lists of users and visitors.
extension GatewayService {
  /// Users of one request.
  static let usersMax = 256

  func recommend(_ request: HTTPRequest) throws(Problem) -> HTTPAnswer {
    let options = try ListOptions(OptionValues(request.query, ListOptions.table))
    let user = Identifier(request.parameters["user"] ?? "")
    let answers = try lists(for: [user], options)
    return .now(response(answers, options, isSingle: true))
  }

  func recommendMany(_ request: HTTPRequest) throws(Problem) -> HTTPAnswer {
    var members = try Self.members(of: request.body)
    let user = try take("user", from: &members, Self.userOption)
    let users = try take("users", from: &members, Self.usersOption)
    let items = try take(Self.itemsOption.name, from: &members, Self.itemsOption)
    guard [user, users, items].compactMap({ $0 }).count == 1 else {
      throw Problem(
        .body, "the body must have exactly one of user, users and items", fix: "user or users for whom, or items of an anonymous visitor")
    }
    var options = try ListOptions(OptionValues(members, ListOptions.table))
    if let items {
      guard options.context.isEmpty else {
        throw Problem(.parameter, "context cannot be combined with items", fix: "put all items into items")
      }
      let values = try OptionValues([.init(Self.itemsOption.name, items)], [Self.itemsOption])
      options.context = try values.weights(Self.itemsOption) ?? []
      let answer = withMaker { $0.visitor(nil, options) }
      metrics.served(answer, placement: options.placement)
      return .now(response([answer], options, isSingle: true))
    }
    if let user { return .now(response(try lists(for: [Identifier(Self.text(user))], options), options, isSingle: true)) }
    guard case .array(let list)? = users else { return .now(response([], options, isSingle: false)) }
    return .now(response(try lists(for: list.map { Identifier(Self.text($0)) }, options), options, isSingle: false))
  }

  private static let userOption = RequestOption("user", .text(bytesMax: 256), "The user.")
  static let usersOption = RequestOption(
    "users", .texts(countMax: usersMax, queryCountMax: usersMax), "Up to \(usersMax) users.")
  static let itemsOption = RequestOption(
    "items", .weights(countMax: ListOptions.contextMax), "Items that an anonymous visitor dealt with, each with a weight.")

  private func take(_ name: String, from members: inout [JSONValue.Member], _ option: RequestOption) throws(Problem) -> JSONValue? {
    guard let at = members.firstIndex(where: { $0.key == name }) else { return nil }
    let value = members.remove(at: at).value
    if case .null = value { return Optional<JSONValue>.none }
    return try option.checked(value)
  }

  private static func text(_ value: JSONValue) -> String {
    switch value {
    case .string(let text): text
    case .integer(let number): String(number)
    default: ""
    }
  }

  private struct ListRequest {
    let user: Identifier
    let options: ListOptions
  }

  /// The lists of the users, each from the namespace of the user's arm.
  private func lists(for users: [Identifier], _ options: ListOptions) throws(Problem) -> [ListAnswer] {
    let experiments = store.view.experiments
    let now = WallClock.milliseconds()
    let requests = users.map { user in
      ListRequest(
        user: user, options: options.with(experiments.arm(user: user.string, placement: options.placement, now: now)))
    }
    var answers: [ListAnswer] = []
    if requests.allSatisfy({ $0.options.arm?.arm.namespace == nil }) {
      answers = try lists(requests, in: store)
    } else {
      var made: [Int: ListAnswer] = [:]
      for (namespace, places) in Dictionary(grouping: requests.indices, by: { requests[$0].options.arm?.arm.namespace }) {
        for (place, answer) in zip(places, try lists(places.map { requests[$0] }, ofNamespace: namespace)) { made[place] = answer }
      }
      answers = requests.indices.compactMap { made[$0] }
    }
    for (place, request) in requests.enumerated() {
      answers[place].arm = request.options.arm
      metrics.served(answers[place], placement: options.placement)
    }
    return answers
  }

  private func lists(_ requests: [ListRequest], ofNamespace namespace: String?) throws(Problem) -> [ListAnswer] {
    let other = store.store(of: namespace)
    if namespace == nil || namespace == configuration.redis.namespace || other.view.model != nil { return try lists(requests, in: other) }
    var answers = try lists(requests, in: store)
    for place in answers.indices { answers[place].degraded = .namespace }
    return answers
  }

  /// With rows only where stored lists do not do.
  private func lists(_ requests: [ListRequest], in store: GatewayStore) throws(Problem) -> [ListAnswer] {
    let (wantsRows, imported) = withMaker(in: store) { maker in
      (requests.contains { maker.wantsRow($0.options) }, maker.importsToRead)
    }
    let stored = try reading { try store.users(requests.map(\.user), withRows: wantsRows, imported: imported) }
    var answers = withMaker(in: store) { maker in zip(requests, stored).map { maker.list(for: $0.user, $1, $0.options) } }
    guard !wantsRows else { return answers }
    // Too many items of the stored list may not be shown any more, or there is none.
    let undecided = withMaker(in: store) { maker in stored.map(maker.needsRow) }
    let short = answers.indices.filter {
      undecided[$0] || answers[$0].items.count < requests[$0].options.count(configuration.countDefault)
    }
    guard !short.isEmpty else { return answers }
    let again = try reading { try store.users(short.map { requests[$0].user }, withRows: true) }
    withMaker(in: store) { maker in
      for (place, index) in short.enumerated() {
        answers[index] = maker.list(for: requests[index].user, again[place], requests[index].options)
      }
    }
    return answers
  }

  /// Recommendations are never stored by anybody in between, and have no ETag: an old answer would be counted twice.
  private func response(_ answers: [ListAnswer], _ options: ListOptions, isSingle: Bool) -> HTTPResponse {
    let now = WallClock.milliseconds()
    var writer = AnswerWriter(capacity: 256 + 96 * answers.reduce(0) { $0 + $1.items.count })
    if !isSingle { writer.append("{\"results\":[") }
    for (index, answer) in answers.enumerated() {
      if index > 0 { writer.append(",") }
      writer.append(
        answer, fields: options.fields, now: now, recommendationID: signer.identifier(of: answer, placement: options.placement, now: now))
    }
    if !isSingle { writer.append("]}") }
    return .json(writer.bytes)
  }

  // MARK: Popular and similar items

  static let popularTable = ListOptions.table.filter {
    ["n", "offset", "exclude", "include", "category", "filter", "min_score", "fields", "placement"].contains($0.name)
  }

  func popular(_ request: HTTPRequest) throws(Problem) -> HTTPAnswer {
    let options = try ListOptions(OptionValues(request.query, Self.popularTable))
    let answer = withMaker { $0.popular(options) }
    guard answer.items.isEmpty == false || answer.epoch != nil || store.view.popular != nil else {
      throw Problem(
        .unavailable, "nothing was published yet", fix: "start the engine and send it events", headers: [.init("Retry-After", "5")])
    }
    return cached(answer, options, request)
  }

  static let windowOption = RequestOption(
    "window", .choice(TrendingWindow.allCases.map(\.rawValue)), "The time in which events count; 24h unless given.")
  static let trendingTable = [windowOption] + popularTable

  func trending(_ request: HTTPRequest) throws(Problem) -> HTTPAnswer {
    let values = try OptionValues(request.query, Self.trendingTable)
    let options = try ListOptions(values)
    let window = values.text(Self.windowOption.name).flatMap(TrendingWindow.init) ?? .day
    return cached(try withMakerThrowing { maker throws(Problem) in try maker.trending(window, options) }, options, request)
  }

  func similar(_ request: HTTPRequest) throws(Problem) -> HTTPAnswer {
    let options = try ListOptions(OptionValues(request.query, Self.popularTable))
    let item = Identifier(request.parameters["item"] ?? "")
    let stored = try reading { try store.similar(item) }
    guard let answer = withMaker({ $0.similar(to: item, stored, options) }) else {
      throw Problem(.notFound, "there is no item \(item.string.prefix(100))", fix: "the item needs an event first, or a document")
    }
    return cached(answer, options, request)
  }

  /// The same list gives the same tag, however old it is.
  private func cached(_ answer: ListAnswer, _ options: ListOptions, _ request: HTTPRequest) -> HTTPAnswer {
    metrics.served(answer, placement: options.placement)
    var content = AnswerWriter()
    content.append(answer, fields: options.fields, now: answer.madeAtMilliseconds ?? 0, recommendationID: nil)
    let tag = EntityTag(of: content.bytes)
    return .now(
      .cached(for: request, tag) {
        var writer = AnswerWriter()
        writer.append(answer, fields: options.fields, now: WallClock.milliseconds(), recommendationID: nil)
        return .json(writer.bytes)
      })
  }

  // MARK: Scores

  func score(_ request: HTTPRequest) throws(Problem) -> HTTPAnswer {
    let table = [Self.userOption, Self.scoredOption]
    let values = try OptionValues(try Self.members(of: request.body), table)
    guard let user = values.text("user"), let items = values.identifiers("items") else {
      throw Problem(.body, "user and items are needed", fix: #"send {"user": "...", "items": ["...", "..."]}"#)
    }
    let stored = try reading { try store.users([Identifier(user)], withRows: true) }[0]
    return .now(.json(try withMakerThrowing { maker throws(Problem) in try maker.scores(of: items, for: user, stored) }))
  }

  private static let scoredOption = RequestOption(
    "items", .texts(countMax: ListOptions.idsMax, queryCountMax: 0), "The items to score, up to \(ListOptions.idsMax).")

  private func withMakerThrowing<Value>(_ body: (ListMaker) throws(Problem) -> Value) throws(Problem) -> Value {
    let result = withMaker { maker -> Result<Value, Problem> in
      do throws(Problem) { return .success(try body(maker)) } catch { return .failure(error) }
    }
    return try result.get()
  }
}
