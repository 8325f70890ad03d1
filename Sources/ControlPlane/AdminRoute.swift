import HTTPServing
import Telemetry

/// One route of the control plane: what it is called, what it takes and answers, and its handler. Dispatch and the reference in
/// docs/admin.md are derived from it.
public struct AdminRoute: Sendable {
  typealias Handler = @Sendable (HTTPRequest, Context) -> HTTPAnswer

  /// What a handler works with.
  struct Context: Sendable {
    let backend: any AdminBackend
    /// Every change is recorded here.
    let audit: AuditLog
    /// The clock for `?wait=`.
    let now: @Sendable () -> UInt64
  }

  public let method: String
  public let path: String
  public let sentence: String
  /// What stands behind the address in the example; `nil`: the path.
  var exampleOfPath: String?
  /// Names in the path and the query, with what they mean.
  public var parameters: [(name: String, sentence: String)] = []
  public let answers: [(status: Int, sentence: String)]
  /// Read-only and without anything that a stranger must not see: also served by `probes.listen`.
  public var isProbe = false
  /// Answered without a token, because it holds nothing of the engine.
  public var isOpen = false
  /// The role that a token needs.
  public var role = AccessRole.read
  let handler: Handler

  /// `curl` for this route with the default address.
  var example: String {
    let verb = method == "GET" ? "" : " -X \(method)"
    let path = exampleOfPath ?? path.replacing("{id}", with: "retrain-1")
    return "curl\(verb) http://127.0.0.1:9464\(path)"
  }
}

/// The reference of the admin server, generated from the table of routes.
public enum AdminDocument {
  /// The command that rewrites the committed copy.
  public static let command = "freshet help --routes > docs/admin.md"

  public static func markdown() -> String { head + AdminRoutes.table.map(section).joined(separator: "\n") }

  private static let head = """
    # Admin server

    <!-- Written by `freshet help --routes`; do not edit. -->

    `freshet serve` answers HTTP/1.1 at `admin.listen`. A HEAD request is answered as a GET without the body. An error is a problem of \
    RFC 9457 (`application/problem+json`) with `type`, `title`, `status`, `detail`, `instance`, `code` (stable, for programs), `fix`, and \
    `error`, which equals `detail`. Fields are only ever added; ignore those that you do not know.

    On a loopback address the server needs no token; it refuses requests whose Host header does not name this machine, except the probes, \
    and changes that a web page of another origin asks for. With `admin.token_file` every request needs the header \
    `Authorization: Bearer TOKEN`; another address than loopback needs that file. The file has one token, which may do everything, or lines \
    `name role sha256` with the role `read`, `write` or `admin`, each of which includes those before it; the role stands with each route. \
    `probes.listen` is a second address that answers only \
    the routes marked as probes, without a token.

    | status | of every route |
    |---|---|
    | 204 | OPTIONS: the header Allow has the methods of the path. |
    | 400 | The path or the query has an escape that is malformed, or the end of the request is ambiguous. |
    | 401 | The token is missing or wrong. |
    | 403 | The request does not come from this machine, or the token's role does not suffice. |
    | 404, 405 | There is no such path, or it does not answer this method. |
    | 413 | The body is larger than 1 MiB. |


    """

  private static func section(_ route: AdminRoute) -> String {
    var text = "## \(route.method) \(route.path)\n\n\(route.sentence)\(route.isProbe ? " This is a probe." : "")\n\n"
    text += "Role: `\(route.role.rawValue)`.\n\n"
    text += "```sh\n\(route.example)\n```\n\n"
    if !route.parameters.isEmpty {
      text += "| parameter | meaning |\n|---|---|\n"
      for parameter in route.parameters { text += "| `\(parameter.name)` | \(parameter.sentence) |\n" }
      text += "\n"
    }
    text += "| status | meaning |\n|---|---|\n"
    for answer in route.answers { text += "| \(answer.status) | \(answer.sentence) |\n" }
    return text
  }
}
