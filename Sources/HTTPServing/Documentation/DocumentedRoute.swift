/// A route with all that the OpenAPI document says about it. The document and the dispatch are made from the same value, and parameters
/// are checked against their schemas before the handler is called.
public struct DocumentedRoute: Sendable {
  public let method: String
  public let path: String
  /// The name of the operation in generated clients.
  public let id: String
  /// The group in the document.
  public let tag: String
  public let summary: String
  public let details: String
  public let requirement: AccessControl.Requirement
  public let parameters: [RouteParameter]
  public let body: RouteBody?
  public let responses: [RouteResponse]
  /// The problems that the handler may throw; those of access, parameters and bodies are added.
  public let problems: [ProblemType]
  /// Whether responses may be compressed.
  public let compresses: Bool
  /// In place of the table's.
  public let cors: CORSPolicy?
  let handler: Router.Handler

  public init(
    _ method: String, _ path: String, id: String, tag: String, summary: String, details: String = "",
    requirement: AccessControl.Requirement = .role(.read), parameters: [RouteParameter] = [], body: RouteBody? = nil,
    responses: [RouteResponse], problems: [ProblemType] = [], compresses: Bool = true, cors: CORSPolicy? = nil,
    handler: @escaping Router.Handler
  ) {
    let names = Set(PathPattern(path).parameterNames)
    let described = Set(parameters.filter { $0.location == .path }.map(\.name))
    precondition(names == described, "\(method) \(path) describes the path parameters \(described.sorted()), not \(names.sorted())")
    precondition(!responses.isEmpty, "\(method) \(path) has no response")
    self.method = method
    self.path = path
    self.id = id
    self.tag = tag
    self.summary = summary
    self.details = details
    self.requirement = requirement
    self.parameters = parameters
    self.body = body
    self.responses = responses
    self.problems = problems
    self.compresses = compresses
    self.cors = cors
    self.handler = handler
  }

  var options: RouteOptions {
    var options = RouteOptions(requirement: requirement)
    options.compresses = compresses
    options.bodyBytesMax = body?.sizeMax
    options.cors = cors
    return options
  }

  /// The handler behind the checks.
  var checkedHandler: Router.Handler {
    { (request) throws(Problem) in
      if let problem = RequestCheck.problem(request, parameters: parameters, body: body) { throw problem }
      return try handler(request)
    }
  }

  /// Those of the handler and those that come before it, each once.
  var allProblems: [ProblemType] {
    var all = problems + [.badRequest]
    if parameters.contains(where: { $0.location != .header }) { all.append(.parameter) }
    if requirement != .nothing { all += [.unauthorized, .forbidden, .unavailable] }
    if requirement != .probe { all.append(.tooManyRequests) }
    if body != nil { all += [.body, .contentTooLarge, .unsupportedMediaType] }
    var seen: Set<String> = []
    return all.filter { seen.insert($0.code).inserted }
  }
}
