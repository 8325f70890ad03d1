import StreamingRecommender

/// What the engine holds of one user, for an operator who asks.
public struct UserReport: Sendable, Equatable {
  public enum Removal: Sendable, Equatable {
    /// No tombstone has removed the user lately.
    case none
    /// A tombstone has; the view has not confirmed yet that it removed the user's keys.
    case pending
    /// The view confirmed it at this time, in milliseconds since 1970.
    case confirmed(Int64)
  }

  /// One pair of the history.
  public struct Interaction: Sendable, Equatable {
    public var item: Identifier
    public var strength: Float
    /// Of the newest event of the pair, in milliseconds since 1970.
    public var atMilliseconds: Int64
  }

  public static let newestMax = 50

  public var id: Identifier
  /// Whether the state has a history of the user, perhaps an empty one.
  public var isKnown = false
  public var pairs = 0
  /// The newest pairs of the history, newest first, at most `newestMax`.
  public var newest: [Interaction] = []
  public var hasVector = false
  /// The partition in which events of the user belong.
  public var partition: Int32
  public var removal = Removal.none
  /// The user whose history has the events of this id since they were merged.
  public var mergedInto: Identifier?
}

extension IngestLoop {
  /// Takes one look-up; nothing is proportional to the number of users.
  func report(on id: Identifier) -> UserReport {
    let users = engine.state.users
    var report = UserReport(id: id, partition: users.partition(ofID: id.bytes))
    if let user = users.find(id.bytes) {
      report.isKnown = true
      users.forEachNewestFirst(user) { item, strength, order in
        report.pairs += 1
        if report.newest.count < UserReport.newestMax {
          report.newest.append(
            .init(item: Identifier(engine.state.catalogue.items.name(item)), strength: strength, atMilliseconds: order.timeMilliseconds))
        }
        return true
      }
      report.hasVector = users.vector(user) != nil
    }
    report.mergedInto = engine.state.merged.resolve(id.bytes).map { Identifier($0) }
    if engine.state.forgotten.contains(id) {
      report.removal = engine.state.forgotten.confirmedAt(id).map { .confirmed($0) } ?? .pending
    }
    return report
  }
}
