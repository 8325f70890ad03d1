import Telemetry

/// The OpenAPI 3.1 document of routes.
struct OpenAPIDocument {
  let info: RouteTable.Info
  let components: [RouteTable.Component]
  let routes: [DocumentedRoute]

  var json: JSONValue {
    [
      "openapi": "3.1.0",
      "info": [
        "title": .string(info.title), "version": .string(info.version),
        "description": .string(info.description + "\n\n" + Self.ofEveryRoute),
        "license": ["name": "Apache 2.0", "identifier": "Apache-2.0"],
      ],
      "servers": [["url": "/"]],
      "tags": .array(tags.map { ["name": .string($0)] }),
      "paths": .object(paths),
      "components": [
        "schemas": .object(components.map { .init($0.name, $0.schema.json) }),
        "securitySchemes": .object([.init(Self.scheme, Self.bearer)]),
      ],
    ]
  }

  private static let scheme = "token"
  private static let bearer: JSONValue = [
    "type": "http", "scheme": "bearer",
    "description": "A token with the role that the route names: read, write or admin, each of which includes those before it.",
  ]

  private static let ofEveryRoute = """
    A HEAD request is answered as a GET without the body, OPTIONS with the methods of the path. A request that cannot be parsed as HTTP at \
    all is answered by the HTTP library with 400, 414, 431 or 505 and a body of text/html; every other error is a problem of RFC 9457. \
    Fields are only ever added to answers; ignore those that you do not know.
    """

  private var tags: [String] {
    var tags: [String] = []
    for route in routes where !tags.contains(route.tag) { tags.append(route.tag) }
    return tags
  }

  private var paths: [JSONValue.Member] {
    var paths: [JSONValue.Member] = []
    for route in routes {
      let index = paths.firstIndex { $0.key == route.path } ?? paths.count
      if index == paths.count { paths.append(.init(route.path, .object([]))) }
      paths[index].value[route.method.lowercased()] = operation(route)
    }
    return paths
  }

  private func operation(_ route: DocumentedRoute) -> JSONValue {
    var operation: JSONValue = ["operationId": .string(route.id), "tags": [.string(route.tag)], "summary": .string(route.summary)]
    if !route.details.isEmpty { operation["description"] = .string(route.details) }
    if !route.parameters.isEmpty { operation["parameters"] = .array(route.parameters.map(parameter)) }
    if let body = route.body { operation["requestBody"] = requestBody(body) }
    operation["responses"] = .object(responses(route))
    operation["security"] = security(route.requirement)
    return operation
  }

  private func parameter(_ parameter: RouteParameter) -> JSONValue {
    var value: JSONValue = [
      "name": .string(parameter.name), "in": .string(parameter.location.rawValue), "description": .string(parameter.description),
    ]
    if parameter.isRequired { value["required"] = true }
    value["schema"] = parameter.schema.parameterJSON
    if parameter.schema.isArray, parameter.location == .query {
      value["style"] = "form"
      value["explode"] = true
    }
    return value
  }

  private func requestBody(_ body: RouteBody) -> JSONValue {
    [
      "description": .string(body.description), "required": .bool(body.isRequired),
      "content": .object(body.forms.map { .init($0.mediaType, ["schema": $0.schema.json]) }),
    ]
  }

  /// By status; problems that share one are named together.
  private func responses(_ route: DocumentedRoute) -> [JSONValue.Member] {
    var members = route.responses.map { JSONValue.Member(String($0.status), response($0)) }
    let statuses = Set(route.allProblems.map(\.status)).subtracting(route.responses.map(\.status))
    for status in statuses.sorted() {
      let types = route.allProblems.filter { $0.status == status }
      let meaning = types.map { "`\($0.code)`: \($0.title)." }.joined(separator: " ")
      members.append(
        .init(
          String(status),
          [
            "description": .string(meaning),
            "content": .object([.init(Problem.mediaType, ["schema": JSONSchema.component("Problem").json])]),
          ]))
    }
    return members
  }

  private func response(_ response: RouteResponse) -> JSONValue {
    var value: JSONValue = ["description": .string(response.description)]
    if !response.headers.isEmpty {
      value["headers"] = .object(
        response.headers.map { .init($0.name, ["description": .string($0.description), "schema": ["type": "string"]]) })
    }
    if let schema = response.schema { value["content"] = .object([.init(response.mediaType, ["schema": schema.json])]) }
    return value
  }

  private func security(_ requirement: AccessControl.Requirement) -> JSONValue {
    switch requirement {
    case .nothing: []
    case .probe: [.object([.init(Self.scheme, ["read"])]), .object([])]
    case .role(let role): [.object([.init(Self.scheme, [.string(role.rawValue)])])]
    }
  }
}
