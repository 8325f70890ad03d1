import HTTPServing

extension AdminRoutes {
  static let explain = AdminRoute(
    method: "GET", path: "/v1/explain", sentence: "Why an item has its score for a user: the parts of the score, which add up to it.",
    exampleOfPath: "/v1/explain -G -d user=u1 -d item=i1",
    parameters: [("user", "The id of the user."), ("item", "The id of the item.")],
    answers: [
      (
        200,
        "A JSON object with `user`, `item`, `epoch`, `score`, `interactions` (what each past interaction adds, the largest first), "
          + "`transitions` (what the user's newest items add), `trend`, `seen` and `hidden`."
      ), (400, "The user or the item is missing."), (404, "The user or the item is unknown, or the model knows nothing of the item yet."),
      (503, "The engine did not answer in time."),
    ]
  ) { request, context in
    let names = ["user", "item"].map { request.query[$0] ?? "" }
    guard names.allSatisfy({ 1...idBytesMax ~= $0.utf8.count }) else {
      return .now(.error(400, "name a user and an item, each of 1 to \(idBytesMax) bytes", fix: "GET /v1/explain?user=u1&item=i1"))
    }
    let answer = context.backend.explain(user: names[0], item: names[1])
    return .later(LaterResponse(answer, within: usersWaitSeconds, context, instead: late))
  }

  static let similarUsersMax = 100

  static let similarUsers = AdminRoute(
    method: "GET", path: "/v1/similar-users", sentence: "The users whose vectors have the highest cosine similarity to a user's.",
    exampleOfPath: "/v1/similar-users -G -d user=u1 -d n=5",
    parameters: [("user", "The id of the user."), ("n", "The number of users, 1 to \(similarUsersMax); 10 without it.")],
    answers: [
      (200, "A JSON object with `user`, `epoch` and `users`: for each its `user` and `score`, -1 to 1."),
      (400, "The user is missing, or `n` is out of its range."), (404, "The user is unknown, or the model knows nothing of the user yet."),
      (429, "Another such question is being answered; one is at a time."),
      (503, "The engine did not answer in time."),
    ]
  ) { request, context in
    let user = request.query["user"] ?? ""
    guard 1...idBytesMax ~= user.utf8.count else {
      return .now(.error(400, "name a user of 1 to \(idBytesMax) bytes", fix: "GET /v1/similar-users?user=u1"))
    }
    guard let n = Int(request.query["n"] ?? "10"), 1...similarUsersMax ~= n else {
      return .now(.error(400, "n must be a number from 1 to \(similarUsersMax)", fix: "GET /v1/similar-users?user=u1&n=10"))
    }
    return .later(LaterResponse(context.backend.similarUsers(to: user, n), within: usersWaitSeconds, context, instead: late))
  }

  static let late: @Sendable () -> HTTPResponse = {
    .error(503, "the engine did not answer in time", fix: "see GET /livez and try again", headers: [.init("Retry-After", "5")])
  }
}

extension LaterResponse {
  /// Polls until there is a response or `seconds` have passed.
  init(
    _ answer: @escaping @Sendable () -> HTTPResponse?, within seconds: UInt64, _ context: AdminRoute.Context,
    instead: @escaping @Sendable () -> HTTPResponse
  ) {
    let deadline = context.now() + seconds * 1_000_000_000
    self.init(poll: { answer() ?? (context.now() >= deadline ? instead() : nil) }, instead: instead)
  }
}
