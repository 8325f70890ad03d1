import ItemMetadata
import ServingFormats
import StreamingRecommender
import Synchronization

/// What all requests of one moment read: matrices, trend, popular items. Immutable; the poller replaces it as a whole.
public final class ServingView: Sendable {
  public let model: ModelFields?
  public let matrices: [UInt32: ItemMatrix]
  public let trend: TrendView?
  /// What trends in fixed windows; `nil` if the engine does not publish that.
  public let trending: TrendingView?
  /// The stored list of popular items, for the time in which there is no matrix.
  public let popular: StoredList?

  public let catalogue: CatalogueView
  /// `nil` if there are none.
  public let rules: RulesView?
  public let experiments: ExperimentSet
  /// The imported lists of the configuration, in its order.
  public let imported: [ServedImport]

  init(
    model: ModelFields? = nil, matrices: [UInt32: ItemMatrix] = [:], trend: TrendView? = nil, trending: TrendingView? = nil,
    popular: StoredList? = nil, catalogue: CatalogueView = CatalogueView(), rules: RulesView? = nil,
    experiments: ExperimentSet = .none, imported: [ServedImport] = []
  ) {
    self.imported = imported
    self.experiments = experiments
    self.rules = rules
    self.catalogue = catalogue
    self.model = model
    self.matrices = matrices
    self.trend = trend
    self.trending = trending
    self.popular = popular
  }

  /// The same moment under other rules.
  func with(rules: RulesView) -> ServingView {
    ServingView(
      model: model, matrices: matrices, trend: trend, trending: trending, popular: popular, catalogue: catalogue, rules: rules,
      experiments: experiments, imported: imported)
  }

  /// The matrix of the pointer, else the newest one.
  public var newest: ItemMatrix? {
    model.flatMap { matrices[$0.epoch] } ?? matrices.max { $0.key < $1.key }?.value
  }
}

/// The view that requests read, and what they found that the poller should know.
public final class ViewBox: Sendable {
  private let view = Mutex(ServingView())
  private let named = Mutex<Set<UInt32>>([])
  private static let namedMax = 8

  public init() {}

  public var current: ServingView { view.withLock { $0 } }

  /// Returns the old view, which may be large, for the caller to free outside of the lock.
  @discardableResult func replace(_ new: ServingView) -> ServingView {
    view.withLock { view in
      defer { view = new }
      return view
    }
  }

  /// A row named this epoch.
  public func name(_ epoch: UInt32) {
    named.withLock { if $0.count < Self.namedMax { $0.insert(epoch) } }
  }

  func takeNamed() -> Set<UInt32> {
    named.withLock { named in
      defer { named = [] }
      return named
    }
  }
}
