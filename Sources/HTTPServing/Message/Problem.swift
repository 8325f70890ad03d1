import Telemetry

/// An error as RFC 9457 writes it: what happened and how to fix it.
public struct Problem: Error, Sendable, Equatable {
  public var type: ProblemType
  /// What is wrong in this case.
  public var detail: String
  /// What the client can do about it.
  public var fix: String
  /// Where in the parameter or the body, in bytes from 0.
  public var position: Int?
  /// The path of the request.
  public var instance: String?
  /// Further members, such as `job`.
  public var members: [JSONValue.Member]
  public var headers: [HTTPResponse.Header]

  public init(
    _ type: ProblemType, _ detail: String, fix: String, position: Int? = nil, members: [JSONValue.Member] = [],
    headers: [HTTPResponse.Header] = []
  ) {
    self.type = type
    self.detail = detail
    self.fix = fix
    self.position = position
    self.members = members
    self.headers = headers
  }

  public static let mediaType = "application/problem+json"

  /// Secrets in texts are masked.
  public var json: JSONValue {
    var members: [JSONValue.Member] = [
      .init("type", .string(type.uri)), .init("title", .string(type.title)), .init("status", .integer(type.status)),
      .init("detail", .string(Redaction.text(detail))),
    ]
    if let instance { members.append(.init("instance", .string(instance))) }
    members.append(.init("code", .string(type.code)))
    members.append(.init("fix", .string(Redaction.text(fix))))
    if let position { members.append(.init("position", .integer(position))) }
    return .object(members + self.members)
  }

  public var response: HTTPResponse {
    .json(json, status: type.status, contentType: Self.mediaType, headers: headers)
  }

  /// With the member `error`, as the admin server has always answered.
  public var withErrorMember: Problem {
    var problem = self
    problem.members.insert(.init("error", .string(Redaction.text(detail))), at: 0)
    return problem
  }
}
