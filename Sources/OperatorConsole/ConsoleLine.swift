import Telemetry

/// The answer to one question of an operator, in words.
public struct ConsoleLine: Sendable, Equatable {
  public enum Level: String, Sendable, CaseIterable {
    case ok, unknown, warning, bad
  }

  /// The twelve questions, in the order in which the page shows them.
  public enum Question: String, Sendable, CaseIterable {
    case works, behind, fresh, arrives, refused, good, model, training, crash, redis, memory, changed

    public var text: String {
      switch self {
      case .works: "Does it work?"
      case .behind: "How far behind is it?"
      case .fresh: "How fresh are the lists?"
      case .arrives: "Does anything arrive?"
      case .refused: "What is refused?"
      case .good: "Are the lists good?"
      case .model: "Which model, since when, and why?"
      case .training: "Is a training running, and is it stuck?"
      case .crash: "What would a crash cost?"
      case .redis: "Will Redis hold?"
      case .memory: "Will memory hold?"
      case .changed: "Who changed what?"
      }
    }
  }

  public var question: Question
  public var level: Level
  public var text: String
  /// What to do about it; `nil` where nothing is to be done.
  public var fix: String?
  /// The figures behind the words, for programs.
  public var figures: [JSONValue.Member]

  public init(_ question: Question, _ level: Level, _ text: String, fix: String? = nil, figures: [JSONValue.Member] = []) {
    self.question = question
    self.level = level
    self.text = Redaction.text(text)
    self.fix = fix.map { Redaction.text($0) }
    self.figures = figures
  }

  public var json: JSONValue {
    var object: JSONValue = [
      "id": .string(question.rawValue), "question": .string(question.text), "level": .string(level.rawValue), "text": .string(text),
    ]
    if let fix { object["fix"] = .string(fix) }
    object["figures"] = .object(figures)
    return object
  }
}
