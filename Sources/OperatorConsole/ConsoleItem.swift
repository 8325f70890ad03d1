import Telemetry

/// What is known of one item: in the engine, and in Redis.
public struct ConsoleItem: Sendable, Equatable {
  public enum Vector: Sendable, Equatable {
    case none, trained, foldedIn
  }

  public var id: String
  public var title: String?
  /// Whether the engine answered.
  public var isAnswered = true
  public var isKnown = false
  public var vector = Vector.none
  /// Whether lists leave it out.
  public var isHidden = false
  /// Users at the training.
  public var users: Int?
  /// Its share of the recent events.
  public var trendShare = 0.0
  public var similar: ConsoleList?
  /// Why Redis could not be read.
  public var problem: String?

  public init(id: String) { self.id = id }

  private var sentences: [String] {
    let name = title.map { "\($0) (\(id))" } ?? id
    guard isAnswered else { return ["The engine did not answer in time, so only Redis is shown."] }
    guard isKnown else { return ["No event has named \(name). Ids are compared byte by byte, and case counts."] }
    var sentences: [String] = []
    switch vector {
    case .trained: sentences.append("\(name) is in the model\(users.map { ", trained with \(Wording.count($0, "user"))" } ?? "").")
    case .foldedIn: sentences.append("\(name) came after the training; its vector is made from its users until the next one.")
    case .none:
      sentences.append("\(name) is known, but has no vector yet: it needs model.min_support users, and appears only among popular items.")
    }
    if isHidden { sentences.append("Lists leave it out: its document hides it, its time is over or has not come, or it is gone.") }
    if trendShare > 0 { sentences.append("It has \(Wording.share(trendShare)) of the recent events.") }
    if similar == nil, problem == nil { sentences.append("There is no list of similar items.") }
    return sentences
  }

  public var json: JSONValue {
    [
      "item": .string(id), "title": title.map { .string($0) } ?? .null, "known": .bool(isKnown),
      "users": users.map { .integer($0) } ?? .null,
      "text": .array(sentences.map { .string($0) }), "problem": problem.map { .string(Redaction.text($0)) } ?? .null,
      "similar": similar?.json ?? .null,
    ]
  }
}
