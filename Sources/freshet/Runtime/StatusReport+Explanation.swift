import HTTPServing
import Pipeline
import StreamingRecommender
import Telemetry

extension StatusReport {
  static func response(to report: ExplanationReport, user: String, item: String) -> HTTPResponse {
    switch report {
    case .explained(let explanation, let epoch): .json(json(of: explanation, user: user, item: item, epoch: epoch))
    case .unknownUser: unknown(user)
    case .unknownItem: .error(404, "there is no item \(item.prefix(100))", fix: "take the id as the events have it")
    case .noVector:
      .error(
        404, "the model knows nothing of the item \(item.prefix(100)) yet",
        fix: "an item gets a vector from its first users (model.min_support), from its document (items.topic), or at the next retrain")
    }
  }

  private static func json(of explanation: Explanation, user: String, item: String, epoch: UInt32) -> JSONValue {
    func parts(_ parts: [Explanation.Part]) -> JSONValue {
      .array(parts.prefix(partsMax).map { ["item": .string($0.item.string), "score": .number(Double($0.score))] })
    }
    return [
      "user": .string(user), "item": .string(item), "epoch": .integer(Int(epoch)), "score": .number(Double(explanation.score)),
      "interactions": parts(explanation.interactions), "transitions": parts(explanation.transitions),
      "trend": .number(Double(explanation.trend)), "seen": .bool(explanation.isSeen), "hidden": .bool(explanation.isHidden),
    ]
  }

  private static let partsMax = 100
}

extension StatusReport {
  static func response(to report: SimilarUsersReport, user: String) -> HTTPResponse {
    switch report {
    case .found(let matches, let epoch):
      .json([
        "user": .string(user), "epoch": .integer(Int(epoch)),
        "users": .array(matches.map { ["user": .string($0.user.string), "score": .number(Double($0.score))] }),
      ])
    case .unknownUser: unknown(user)
    case .busy:
      .error(
        429, "the engine looks for the similar users of somebody else", fix: "ask again in a second", headers: [.init("Retry-After", "1")])
    case .noVector:
      .error(
        404, "the model knows nothing of the user \(user.prefix(100)) yet",
        fix: "a user gets a vector from an event with an item that the model knows; before the first training there is none")
    }
  }

  private static func unknown(_ user: String) -> HTTPResponse {
    .error(
      404, "there is no user \(user.prefix(100))", fix: "take the id as the events have it; GET /v1/users?id= tells whether it is known")
  }
}
