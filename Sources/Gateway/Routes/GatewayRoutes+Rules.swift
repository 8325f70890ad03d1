import HTTPServing

extension GatewayService {
  private static let ruleID = RouteParameter.path("id", .string(1...64), "The rule's id: letters, digits, points, hyphens, underscores.")

  var ruleRoutes: [GatewayRoute] {
    let rule = JSONSchema.component("Rule")
    return [
      GatewayRoute(
        "GET", "/v1/rules", id: "getRules", tag: "Rules", summary: "All rules.", requirement: .role(.admin),
        responses: [
          RouteResponse(200, "The rules.", schema: .object([.init("version", .integer()), .init("rules", .array(rule))]))
        ], problems: [.unavailable], handler: getRules),
      GatewayRoute(
        "GET", "/v1/rules/{id}", id: "getRule", tag: "Rules", summary: "A rule.", requirement: .role(.admin), parameters: [Self.ruleID],
        responses: [RouteResponse(200, "The rule.", schema: rule)], problems: [.notFound, .unavailable], handler: getRule),
      GatewayRoute(
        "PUT", "/v1/rules/{id}", id: "putRule", tag: "Rules", summary: "Writes a rule; every gateway follows it within a second.",
        requirement: .role(.admin), parameters: [Self.ruleID], body: .json(rule, "The rule.", sizeMax: 16_384),
        responses: [
          RouteResponse(200, "The rule replaced the one before.", schema: rule), RouteResponse(201, "The rule is new.", schema: rule),
        ], problems: [.conflict, .unavailable], handler: putRule),
      GatewayRoute(
        "DELETE", "/v1/rules/{id}", id: "deleteRule", tag: "Rules", summary: "Deletes a rule.", requirement: .role(.admin),
        parameters: [Self.ruleID], responses: [RouteResponse(204, "It is gone.")], problems: [.notFound, .conflict, .unavailable],
        handler: deleteRule),
      GatewayRoute(
        "POST", "/v1/rules:preview", id: "previewRule", tag: "Rules", summary: "The lists of some users with and without a rule.",
        details: "Nothing is written.", requirement: .role(.admin),
        body: .json(
          .object(
            [
              .init("rule", rule), .init("users", .array(.string(1...256), count: 1...Self.previewUsersMax)),
            ], allowsMore: false), "The rule and the users."),
        responses: [
          RouteResponse(
            200, "For each user the items before and after.",
            schema: .object([
              .init(
                "results",
                .array(.object([.init("user", .string()), .init("before", .array(.object([]))), .init("after", .array(.object([])))])))
            ]))
        ], problems: [.unavailable], handler: previewRule),
    ]
  }
}
