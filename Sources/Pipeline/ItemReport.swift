import StreamingRecommender

/// What the engine holds of one item, for an operator who asks.
public struct ItemReport: Sendable, Equatable {
  public enum Vector: Sendable, Equatable {
    case none, trained
    /// From the vectors of its users, after the training.
    case foldedIn
  }

  public var id: Identifier
  /// Whether any event named the item.
  public var isKnown = false
  public var vector = Vector.none
  /// The number of users at the training; `nil` without a model, and for an item that it does not know.
  public var users: Int?
  /// Whether lists leave it out, because it is hidden, gone or out of date.
  public var isHidden = false
  /// From its document.
  public var title: String?
  /// Its share of what is popular now, from 0 to 1.
  public var trendShare = 0.0
}

extension IngestLoop {
  /// Takes one look-up; nothing is proportional to the number of items.
  func report(onItem id: Identifier) -> ItemReport {
    let catalogue = engine.state.catalogue
    var report = ItemReport(id: id)
    report.title = engine.items.document(id)?.title
    guard let item = catalogue.items.find(id.bytes) else { return report }
    report.isKnown = true
    report.isHidden = catalogue.hidden.contains(item)
    if catalogue.trend.total > 0 {
      report.trendShare = Double(catalogue.trend.decayedCount(item)) / catalogue.trend.total * catalogue.trend.growth
    }
    guard let model = engine.model else { return report }
    report.vector = model.isTrained(item) ? .trained : model.hasVector(item) ? .foldedIn : .none
    report.users = model.usersAtTraining(item)
    return report
  }
}
