import Foundation
import RedisPublishing
import StreamingRecommender
import Synchronization
import Telemetry

/// Follows what the engine publishes, a few times a second, and replaces the view when something changed.
///
/// Not thread-safe: one thread calls `turn`.
final class GatewayPoller {
  static let interval = Duration.milliseconds(250)
  /// Turns between two looks at what changes once a second or less often.
  private static let slowEvery = 4

  private let pool: RedisPool
  private let keys: RedisKeys
  private let box: ViewBox
  private let log: Log
  private var shelf = EpochShelf()
  private var loader: EpochLoader
  private var model: ModelFields?
  private var popular: StoredList?
  private var trending: TrendingFeed
  private var catalogue: CatalogueFeed
  private var catalogueView = CatalogueView()
  private var rules: RulesFeed
  private var experiments: ExperimentsFeed
  private var imported: ImportedFeed
  /// Told in every turn which other namespaces should be followed.
  private let onNamespaces: @Sendable (Set<String>) -> Void
  private var turns = 0

  /// - Parameters:
  ///   - keys: of the namespace whose models and lists are served.
  ///   - shop: of the namespace that has the catalogue and the rules.
  ///   - imported: lists of other programs that are served.
  init(
    pool: RedisPool, keys: RedisKeys, shop: RedisKeys, imported: [ImportedListWeight] = [], box: ViewBox, log: Log,
    onNamespaces: @escaping @Sendable (Set<String>) -> Void = { _ in }
  ) {
    self.onNamespaces = onNamespaces
    self.pool = pool
    self.keys = keys
    self.box = box
    self.log = log
    loader = EpochLoader(keys)
    trending = TrendingFeed(keys)
    catalogue = CatalogueFeed(shop)
    rules = RulesFeed(shop)
    experiments = ExperimentsFeed(keys)
    self.imported = ImportedFeed(keys, imported)
  }

  /// Reads what changed. What was read before stays in use while Redis is away.
  func turn(nowMilliseconds: Int64 = WallClock.milliseconds()) {
    for epoch in box.takeNamed() { shelf.name(epoch, nowMilliseconds: nowMilliseconds) }
    var isNew = false
    do {
      try pool.probing { redis in isNew = try read(redis, nowMilliseconds) }
    } catch let error as RedisError where error.policy == .dropConnection {
      // The pool reports that once.
    } catch {
      log.warning("what the engine published cannot be read: \(error)")
    }
    isNew = loader.makeMatrices(packs: model?.served?.packs ?? 0, upTo: model?.epoch) || isNew
    if isNew {
      box.replace(
        ServingView(
          model: model, matrices: loader.matrices, trend: loader.trend, trending: trending.view, popular: popular,
          catalogue: catalogueView, rules: rules.view, experiments: experiments.set, imported: imported.lists))
    }
    onNamespaces(experiments.set.namespaces(now: nowMilliseconds))
    turns += 1
  }

  private func read(_ redis: RedisConnection, _ now: Int64) throws -> Bool {
    let before = (model, popular)
    model = try ModelFields(try redis.command(["HGETALL", keys.model]).fields ?? [:]) ?? model
    if let model { shelf.point(to: model.epoch, previous: model.previous) }
    let isSlowTurn = turns.isMultiple(of: Self.slowEvery)
    if popular == nil || isSlowTurn, let bytes = try redis.command(["GET", keys.popular]).bytes {
      popular = try StoredList(decoding: bytes)
    }
    try loader.readTrend(redis)
    let isNewTrending = isSlowTurn ? try trending.read(redis) : false
    try loader.readPacks(redis, wanted: shelf.wanted(nowMilliseconds: now))
    let isNewCatalogue = try readCatalogue(redis)
    let isNewRules = try readRules(redis, now, isNewCatalogue: isNewCatalogue)
    let isNewImport = try imported.read(redis)
    let (isNewExperiment, faults) = try experiments.read(redis, now: now)
    for fault in faults { log.warning("\(fault)") }
    return isNewExperiment || isNewImport || before.0 != model || before.1 != popular || isNewCatalogue || isNewRules || isNewTrending
  }

  private func readRules(_ redis: RedisConnection, _ now: Int64, isNewCatalogue: Bool) throws -> Bool {
    let isChanged = try rules.read(redis, now: now)
    for fault in rules.faults { log.warning("\(fault)") }
    return rules.compile(catalogueView.index, loader.directory, now: now, isForced: isChanged || isNewCatalogue) || isChanged
  }

  private func readCatalogue(_ redis: RedisConnection) throws -> Bool {
    let directory = loader.directory
    let isRenumbered = catalogue.renumber(loader.takeRenamed(), directory)
    let faults = catalogue.faults
    let isChanged = try catalogue.read(redis, directory)
    if catalogue.faults > faults, let fault = catalogue.lastFault { log.warning("\(fault)") }
    guard isChanged || isRenumbered else { return false }
    catalogueView = catalogue.view
    return true
  }
}

/// Runs the poller on a thread of its own.
final class PollingThread: Sendable {
  private let isEnding = Atomic<Bool>(false)
  private let ended = DispatchSemaphore(value: 0)

  /// - Parameter make: called on the thread, because a poller belongs to one.
  init(_ make: @escaping @Sendable () -> GatewayPoller) {
    let thread = Thread { [self] in
      let poller = make()
      while !isEnding.load(ordering: .acquiring) {
        let start = ContinuousClock.now
        poller.turn()
        let left = GatewayPoller.interval - (ContinuousClock.now - start)
        if left > .zero { MonotonicClock.sleep(for: left) }
      }
      ended.signal()
    }
    thread.name = "gateway poller"
    thread.start()
  }

  func stop() {
    isEnding.store(true, ordering: .releasing)
    ended.wait()
  }
}
