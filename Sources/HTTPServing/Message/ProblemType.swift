/// A kind of error that clients can tell apart by its code.
public struct ProblemType: Sendable, Equatable {
  /// Stable; clients compare it.
  public let code: String
  public let status: Int
  /// The same for every problem of this type.
  public let title: String

  public init(_ code: String, _ status: Int, _ title: String) {
    self.code = code
    self.status = status
    self.title = title
  }

  /// A relative URI.
  public var uri: String { "/problems/\(code)" }

  public static let badRequest = ProblemType("bad_request", 400, "The request is malformed")
  public static let parameter = ProblemType("parameter", 400, "A parameter is wrong")
  public static let body = ProblemType("body", 400, "The body is wrong")
  public static let filterSyntax = ProblemType("filter_syntax", 400, "The filter cannot be parsed")
  public static let filterType = ProblemType("filter_type", 400, "The filter compares values of different types")
  public static let unauthorized = ProblemType("unauthorized", 401, "A token is needed")
  public static let forbidden = ProblemType("forbidden", 403, "The caller may not do this")
  public static let notFound = ProblemType("not_found", 404, "There is no such thing")
  public static let methodNotAllowed = ProblemType("method_not_allowed", 405, "The path does not answer this method")
  public static let requestTimeout = ProblemType("request_timeout", 408, "The request took too long to arrive")
  public static let conflict = ProblemType("conflict", 409, "The current state does not allow this")
  public static let preconditionFailed = ProblemType("precondition_failed", 412, "Somebody else has changed it")
  public static let contentTooLarge = ProblemType("content_too_large", 413, "The body is too large")
  public static let unsupportedMediaType = ProblemType("unsupported_media_type", 415, "The body's media type is not supported")
  public static let preconditionRequired = ProblemType("precondition_required", 428, "The change needs If-Match")
  public static let tooManyRequests = ProblemType("too_many_requests", 429, "Too many requests")
  public static let internalError = ProblemType("internal_error", 500, "The server made a mistake")
  public static let unavailable = ProblemType("unavailable", 503, "The service is not ready")

  public static let all: [ProblemType] = [
    badRequest, parameter, body, filterSyntax, filterType, unauthorized, forbidden, notFound, methodNotAllowed, requestTimeout, conflict,
    preconditionFailed, contentTooLarge, unsupportedMediaType, preconditionRequired, tooManyRequests, internalError, unavailable,
  ]

  /// The general type of a status.
  public static func of(status: Int) -> ProblemType {
    all.first { $0.status == status } ?? (status < 500 ? ProblemType("error", status, "The request failed") : internalError.with(status))
  }

  private func with(_ status: Int) -> ProblemType { ProblemType(code, status, title) }
}
