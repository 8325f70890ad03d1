import Telemetry

/// What is known of one user: in the engine, and in Redis.
public struct ConsoleUser: Sendable, Equatable {
  public enum Removal: Sendable, Equatable {
    case none, pending
    /// Redis confirmed it so long ago.
    case confirmed(ageSeconds: Double)
  }

  public struct Interaction: Sendable, Equatable {
    public var item: String
    public var title: String?
    public var strength: Double
    public var atMilliseconds: Int64
    public init(item: String, title: String?, strength: Double, atMilliseconds: Int64) {
      self.item = item
      self.title = title
      self.strength = strength
      self.atMilliseconds = atMilliseconds
    }
  }

  public var id: String
  /// Whether the engine answered.
  public var isAnswered = true
  public var isKnown = false
  public var pairs = 0
  public var hasVector = false
  public var partition = 0
  public var mergedInto: String?
  public var removal = Removal.none
  /// Newest first.
  public var history: [Interaction] = []
  /// What a reader gets; `nil` if Redis has nothing, or could not be read.
  public var list: ConsoleList?
  /// Whether that is the list of everybody without an own one.
  public var isFallback = false
  /// Why Redis could not be read.
  public var problem: String?

  public init(id: String) { self.id = id }

  private var sentences: [String] {
    var sentences: [String] = []
    if let mergedInto { sentences.append("\(id) was merged: its events count for \(mergedInto), so look that up.") }
    switch removal {
    case .none: break
    case .pending: sentences.append("A tombstone has removed the user; Redis has not confirmed yet that the lists are gone.")
    case .confirmed(let age): sentences.append("A tombstone has removed the user; Redis confirmed it \(Wording.seconds(age)) ago.")
    }
    if !isAnswered {
      sentences.append("The engine did not answer in time, so its history is not shown.")
    } else if isKnown {
      let vector = hasVector ? "" : ", and no vector yet"
      sentences.append("The engine knows \(id): \(Wording.count(pairs, "item")) in the history\(vector); partition \(partition).")
    } else if mergedInto == nil {
      sentences.append("The engine has no history of \(id). Ids are compared byte by byte, and case counts.")
    }
    guard problem == nil else { return sentences }
    if list == nil {
      sentences.append("Redis has no list at all: nothing was published yet.")
    } else if isFallback {
      sentences.append("There is no list of this user's own, so readers take the popular one.")
    }
    return sentences
  }

  public var json: JSONValue {
    [
      "user": .string(id), "known": .bool(isKnown), "pairs": .integer(pairs), "text": .array(sentences.map { .string($0) }),
      "problem": problem.map { .string(Redaction.text($0)) } ?? .null,
      "history": .array(
        history.map {
          [
            "item": .string($0.item), "title": $0.title.map { .string($0) } ?? .null, "strength": .number($0.strength),
            "at_ms": .integer(Int($0.atMilliseconds)),
          ]
        }),
      "fallback": .bool(isFallback), "list": list?.json ?? .null,
    ]
  }
}
