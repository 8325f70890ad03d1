import Telemetry

/// Checks a request against what its route documents.
enum RequestCheck {
  static func problem(_ request: HTTPRequest, parameters: [RouteParameter], body: RouteBody?) -> Problem? {
    unknown(request, parameters) ?? wrong(request, parameters) ?? body.flatMap { unsuitable(request, $0) }
  }

  /// A misspelt parameter must not be ignored: `catgory=home` would otherwise give an unfiltered list.
  private static func unknown(_ request: HTTPRequest, _ parameters: [RouteParameter]) -> Problem? {
    let stranger = request.query.items.first { item in !parameters.contains { $0.location == .query && $0.name == item.name } }
    guard let stranger else { return nil }
    let known = parameters.filter { $0.location == .query }.map(\.name)
    let fix = known.isEmpty ? "leave it out: this route takes no query" : "use one of: \(known.joined(separator: ", "))"
    return problem(stranger.name, "there is no parameter \(stranger.name.prefix(100))", fix: fix)
  }

  private static func wrong(_ request: HTTPRequest, _ parameters: [RouteParameter]) -> Problem? {
    for parameter in parameters {
      let fault: String? =
        switch parameter.location {
        case .path: request.parameters[parameter.name].flatMap { parameter.schema.fault(of: $0) }
        case .query: fault(request.query, parameter)
        case .header: nil
        }
      if let fault { return problem(parameter.name, "\(parameter.name) \(fault)", fix: "correct it: \(parameter.description)") }
    }
    return nil
  }

  private static func fault(_ query: HTTPQuery, _ parameter: RouteParameter) -> String? {
    var count = 0
    let element = parameter.schema.element
    for item in query.items where item.name == parameter.name {
      count += 1
      if let fault = element.fault(of: item.value) { return fault }
    }
    if count == 0 { return parameter.isRequired ? "is missing" : nil }
    if case .array(_, let counts?) = parameter.schema.kind, !counts.contains(count) {
      return "must be there \(counts.lowerBound) to \(counts.upperBound) times"
    }
    return nil
  }

  private static func unsuitable(_ request: HTTPRequest, _ body: RouteBody) -> Problem? {
    guard !request.body.isEmpty else {
      guard body.isRequired else { return nil }
      return Problem(.body, "the body is missing", fix: "send \(body.forms[0].mediaType): \(body.description)", position: 0)
    }
    if let coding = request.headers["content-encoding"], coding.lowercased() != "identity" {
      return Problem(
        .unsupportedMediaType, "the body is compressed (\(coding.prefix(40)))", fix: "send it as it is, without Content-Encoding")
    }
    guard let type = request.mediaType, !body.forms.contains(where: { $0.mediaType == type }) else { return nil }
    let accepted = body.forms.map(\.mediaType).joined(separator: ", ")
    return Problem(
      .unsupportedMediaType, "the body is \(type.prefix(100))", fix: "send one of: \(accepted), and name it in Content-Type")
  }

  private static func problem(_ parameter: String, _ detail: String, fix: String) -> Problem {
    Problem(.parameter, detail, fix: fix, members: [.init("parameter", .string(String(parameter.prefix(100))))])
  }
}
