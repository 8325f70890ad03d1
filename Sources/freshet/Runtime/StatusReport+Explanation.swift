import HTTPServing
import Pipeline
import StreamingRecommender
import Telemetry

extension StatusReport {
  static func response(to report: ExplanationReport, user: String, item: String) -> HTTPResponse {
    switch report {
    case .explained(let explanation, let epoch): .json(json(of: explanation, user: user, item: item, epoch: epoch))
    case .unknownUser:
      .error(
        404, "there is no user \(user.prefix(100))", fix: "take the id as the events have it; GET /v1/users?id= tells whether it is known")
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
