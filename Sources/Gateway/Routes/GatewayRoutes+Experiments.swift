import HTTPServing

extension GatewayService {
  private static let experimentID = RouteParameter.path(
    "id", .string(1...64), "The experiment's name: letters, digits, points, hyphens, underscores.")

  var experimentRoutes: [GatewayRoute] {
    let experiment = JSONSchema.component("Experiment")
    return [
      GatewayRoute(
        "GET", "/v1/experiments", id: "getExperiments", tag: "Experiments", summary: "All experiments.", requirement: .role(.admin),
        responses: [
          RouteResponse(
            200, "The experiments.", schema: .object([.init("version", .integer()), .init("experiments", .array(experiment))]))
        ], problems: [.unavailable], handler: getExperiments),
      GatewayRoute(
        "GET", "/v1/experiments/{id}", id: "getExperiment", tag: "Experiments", summary: "An experiment.", requirement: .role(.admin),
        parameters: [Self.experimentID], responses: [RouteResponse(200, "The experiment.", schema: experiment)],
        problems: [.notFound, .unavailable], handler: getExperiment),
      GatewayRoute(
        "PUT", "/v1/experiments/{id}", id: "putExperiment", tag: "Experiments",
        summary: "Writes an experiment; every gateway follows it within a second.",
        details: "At any time at most one experiment runs for a placement; one that would overlap another is refused.",
        requirement: .role(.admin), parameters: [Self.experimentID], body: .json(experiment, "The experiment.", sizeMax: 16_384),
        responses: [
          RouteResponse(200, "The experiment replaced the one before.", schema: experiment),
          RouteResponse(201, "The experiment is new.", schema: experiment),
        ], problems: [.conflict, .unavailable], handler: putExperiment),
      GatewayRoute(
        "DELETE", "/v1/experiments/{id}", id: "deleteExperiment", tag: "Experiments", summary: "Deletes an experiment.",
        details: "Rules that only its arms named are in force for everybody then: delete or disable them before.",
        requirement: .role(.admin), parameters: [Self.experimentID], responses: [RouteResponse(204, "It is gone.")],
        problems: [.notFound, .conflict, .unavailable], handler: deleteExperiment),
    ]
  }
}
