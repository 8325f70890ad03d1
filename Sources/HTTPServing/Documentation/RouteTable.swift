import Telemetry

/// Documented routes, from which the router and the OpenAPI document are made, so that they cannot differ.
public struct RouteTable: Sendable {
  public struct Info: Sendable, Equatable {
    public let title: String
    public let version: String
    public let description: String

    public init(title: String, version: String, description: String) {
      self.title = title
      self.version = version
      self.description = description
    }
  }

  public struct Component: Sendable, Equatable {
    public let name: String
    public let schema: JSONSchema

    public init(_ name: String, _ schema: JSONSchema) {
      self.name = name
      self.schema = schema
    }
  }

  public static let documentPath = "/v1/openapi.json"

  public let info: Info
  /// With those of the document and of the problems.
  public let routes: [DocumentedRoute]
  public let components: [Component]

  /// - Parameter components: schemas that routes refer to by name.
  public init(_ info: Info, components: [Component] = [], routes: [DocumentedRoute]) {
    self.info = info
    self.components = components + [Component("Problem", Self.problem)]
    let own = routes + [Self.problemRoute]
    let documented = own + [Self.documentRoute(body: [])]
    let document = OpenAPIDocument(info: info, components: self.components, routes: documented).json
    self.routes = own + [Self.documentRoute(body: document.bytes)]
  }

  public var document: JSONValue { OpenAPIDocument(info: info, components: components, routes: routes).json }

  /// - Parameter isServed: chooses routes for a server that has only some of them.
  public func router(
    policy: RouterPolicy, observe: @escaping Router.Observer = { _, _ in }, where isServed: (DocumentedRoute) -> Bool = { _ in true }
  ) -> Router {
    var router = Router(policy: policy, observe: observe)
    for route in routes where isServed(route) { router.add(route.method, route.path, options: route.options, route.checkedHandler) }
    return router
  }

  // MARK: - The routes of the table itself

  private static func documentRoute(body: [UInt8]) -> DocumentedRoute {
    let tag = EntityTag(of: body)
    return DocumentedRoute(
      "GET", documentPath, id: "getOpenAPI", tag: "Description", summary: "This document.", requirement: .nothing,
      parameters: [.header("If-None-Match", .string(), "The ETag of a document that the client has.")],
      responses: [
        RouteResponse(200, "The OpenAPI 3.1 document.", schema: .object([]), headers: [.init("ETag", "The version of the document.")]),
        RouteResponse(304, "The client has this version."),
      ]
    ) { request in .now(.cached(for: request, tag, cacheControl: "no-cache") { .json(body) }) }
  }

  private static let problemRoute = DocumentedRoute(
    "GET", "/problems/{code}", id: "getProblemType", tag: "Description", summary: "What a problem's `code` means.", requirement: .nothing,
    parameters: [.path("code", .string(1...100), "The code, which is also the end of the problem's type.")],
    responses: [
      RouteResponse(
        200, "The type of problem.",
        schema: .object([.init("code", .string()), .init("status", .integer()), .init("title", .string())]))
    ], problems: [.notFound]
  ) { (request) throws(Problem) in
    let code = request.parameters["code"] ?? ""
    guard let type = ProblemType.all.first(where: { $0.code == code }) else {
      throw Problem(
        .notFound, "there is no problem \(code.prefix(100))", fix: "use one of: \(ProblemType.all.map(\.code).joined(separator: ", "))")
    }
    return .now(
      .json(["code": .string(type.code), "status": .integer(type.status), "title": .string(type.title)] as JSONValue))
  }

  private static let problem = JSONSchema.object([
    .init("type", .string(format: "uri-reference").described("The kind of problem; GET it for what it means.")),
    .init("title", .string().described("The kind of problem in words.")),
    .init("status", .integer(400...599)),
    .init("detail", .string().described("What is wrong with this request.")),
    .init("instance", .string(format: "uri-reference").described("The path of the request."), required: false),
    .init("code", .string().described("The kind of problem for programs; it never changes.")),
    .init("fix", .string().described("What the client can do about it.")),
    .init(
      "position", .integer(0...Int.max).described("The byte, from 0, in the parameter or the body where the fault is."), required: false),
    .init("parameter", .string().described("The parameter that is wrong."), required: false),
  ]).described("An error as in RFC 9457.")
}
