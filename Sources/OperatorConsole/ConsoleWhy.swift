import Telemetry

/// Why a user gets an item: the parts of its score.
public struct ConsoleWhy: Sendable, Equatable {
  public struct Part: Sendable, Equatable {
    public enum Kind: String, Sendable {
      /// A past action of the user, by the model.
      case history
      /// What usually follows a newest item of the user.
      case follows
    }

    public var kind: Kind
    public var item: String
    public var title: String?
    public var score: Double
    public init(_ kind: Kind, item: String, title: String?, score: Double) {
      self.kind = kind
      self.item = item
      self.title = title
      self.score = score
    }
  }

  public enum Answer: Sendable, Equatable {
    case late
    /// The model does not know the user or the item.
    case nothing
    case explained(score: Double, trend: Double, isSeen: Bool, isHidden: Bool)
  }

  public var user: String
  public var item: String
  public var title: String?
  public var answer: Answer
  /// The largest first.
  public var parts: [Part] = []

  private static let partsMax = 20

  public init(user: String, item: String, answer: Answer) {
    self.user = user
    self.item = item
    self.answer = answer
  }

  private var sentences: [String] {
    let name = title.map { "\($0) (\(item))" } ?? item
    switch answer {
    case .late: return ["The engine did not answer in time."]
    case .nothing: return ["There is nothing to explain: the model does not know \(user) or \(name)."]
    case .explained(let score, let trend, let isSeen, let isHidden):
      func sum(_ kind: Part.Kind) -> String { Wording.fixed(parts.reduce(0) { $0 + ($1.kind == kind ? $1.score : 0) }, 3) }
      var sentences = [
        "\(name) has the score \(Wording.fixed(score, 3)) for \(user) now: \(sum(.history)) by the history, \(sum(.follows)) because it "
          + "usually follows the newest items, \(Wording.fixed(trend, 3)) because it is popular now."
      ]
      if isSeen { sentences.append("Lists leave it out, because the user has acted on it.") }
      if isHidden { sentences.append("Lists leave it out, because it is hidden, gone or out of date.") }
      return sentences
    }
  }

  public var json: JSONValue {
    [
      "user": .string(user), "item": .string(item), "text": .array(sentences.map { .string($0) }),
      "parts": .array(
        parts.sorted { abs($0.score) > abs($1.score) }.prefix(Self.partsMax).map {
          [
            "kind": .string($0.kind.rawValue), "item": .string($0.item), "title": $0.title.map { .string($0) } ?? .null,
            "score": .number($0.score),
          ]
        }),
    ]
  }
}
