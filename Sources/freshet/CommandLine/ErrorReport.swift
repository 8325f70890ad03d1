import StreamingRecommender
import Telemetry

/// What a command says when it fails: lines for people, or one JSON object with `--json`.
struct ErrorReport {
  let status: ExitStatus
  /// One entry for each thing that is wrong.
  let problems: [String]
  private let usage: String?

  init(_ error: any Error) {
    switch error {
    case let error as UsageError:
      status = .usage
      problems = [error.message]
      usage = error.usage
    case let error as ConfigurationError:
      status = .configuration
      problems = error.problems.map(\.message)
      usage = nil
    default:
      status = (error as? CommandFailure)?.status ?? .failed
      problems = ["\(error)"]
      usage = nil
    }
  }

  var text: String {
    (problems.map { "freshet: \($0)" } + (usage.map { ["Usage: \($0)"] } ?? [])).joined(separator: "\n")
  }

  /// `{"error":"...","problems":["..."],"status":78}`, and `usage` where the command line is wrong.
  var json: JSONValue {
    var object: JSONValue = [
      "error": .string(problems.first ?? "failed"), "problems": .array(problems.map { .string($0) }),
      "status": .integer(Int(status.rawValue)),
    ]
    if let usage { object["usage"] = .string(usage) }
    return object
  }
}
