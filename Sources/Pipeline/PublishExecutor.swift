import StreamingRecommender
import Telemetry

/// Executes the planner's work: computes the contents with the engine and builds the commands.
struct PublishExecutor {
  private var scratch: EngineScratch
  /// For the factors of the shadow, if they are others.
  private var shadowScratch: EngineScratch?
  let contents: Contents
  let clock: any EngineClock
  private var packs: DuePacks
  private var version = GrowingVersion()
  /// Similar items of the epoch that is being published.
  private var similar: SimilarItems?

  /// What is published.
  struct Contents {
    var vectors: Bool
    var rows: Bool
    var popularN: Int
  }

  /// - Parameter numbersKept: the number of items that were known when this process began.
  init(scratch: EngineScratch, contents: Contents, clock: any EngineClock, numbersKept: Int) {
    self.scratch = scratch
    self.contents = contents
    self.clock = clock
    packs = DuePacks(numbersKept: numbersKept, sinceMilliseconds: clock.wallMilliseconds)
  }

  /// The result of executing one plan.
  struct Outcome {
    var commands: [PublishCommand] = []
    /// What a new model has replaced.
    var replaced: ReplacedModel?
    var users = 0
    var times = StageTimes()
  }

  /// The time per stage of a batch, in nanoseconds.
  struct StageTimes: Equatable {
    var foldIn: UInt64 = 0
    var score: UInt64 = 0
    var publish: UInt64 = 0
  }

  mutating func run(_ plan: PublishPlan, _ engine: inout RecommenderEngine, now: EngineInstant) -> Outcome {
    var outcome = Outcome()
    fitScratch(to: engine)
    for work in plan.work { run(work, &engine, now, &outcome) }
    return outcome
  }

  /// A promoted model may have another number of factors.
  private mutating func fitScratch(to engine: RecommenderEngine) {
    let factors = engine.settings.parameters.factors
    if scratch.factors != factors { scratch = EngineScratch(factors: factors, workers: scratch.workers) }
    let shadow = engine.shadow?.model.factors
    if shadowScratch?.factors != shadow { shadowScratch = shadow.map { EngineScratch(factors: $0, workers: scratch.workers) } }
  }

  private mutating func run(_ work: PublishWork, _ engine: inout RecommenderEngine, _ now: EngineInstant, _ outcome: inout Outcome) {
    switch work {
    case .lists(let users): runLists(users, &engine, now, &outcome)
    case .newItems(let max, let all): runNewItems(max, all: all, &engine, &outcome)
    case .pointer(let epoch, let previous, let installs):
      similar = nil
      if installs {
        outcome.replaced = engine.installPending()
        fitScratch(to: engine)
      }
      guard let model = engine.model, model.epoch == epoch else { return }
      outcome.commands.append(
        PublishCommands.pointer(
          model, previous: previous, users: engine.state.users.count, requiresItems: contents.vectors || contents.rows,
          served: contents.rows ? engine.servedModel : nil))
    case .similar(let items): runSimilar(items, &engine, now, &outcome)
    case .itemPacks(let epoch, let numbers):
      guard let model = engine.model(epoch: epoch) else { return }
      for number in numbers { append(number, model, engine, &outcome) }
    case .duePacks(let max):
      guard let model = engine.model else { return }
      for number in packs.take(max, items: engine.state.catalogue.items.capacity) { append(number, model, engine, &outcome) }
    case .itemDocuments(let ids):
      for id in ids {
        outcome.commands.append(
          .itemDocument(id, document: engine.items.bytes(id), version: version.next(nowMilliseconds: now.wallMilliseconds)))
      }
    case .trend:
      outcome.commands.append(
        .trend(
          engine.trendBlob(
            nowMilliseconds: now.wallMilliseconds, numbersSinceMilliseconds: packs.sinceMilliseconds, numbersKept: packs.numbersKept)))
    case .popular:
      engine.notePopular()
      outcome.commands += PublishCommands.commands(work, engine, contents, now: now)
    default: outcome.commands += PublishCommands.commands(work, engine, contents, now: now)
    }
  }

  private mutating func runLists(
    _ users: [UserReference], _ engine: inout RecommenderEngine, _ now: EngineInstant, _ outcome: inout Outcome
  ) {
    let present = users.filter(engine.state.users.isPresent)
    guard !present.isEmpty, engine.model != nil else { return }
    let began = clock.monotonicNanoseconds
    let solved = engine.foldIn(present, scratch)
    let foldedIn = clock.monotonicNanoseconds
    let lists = engine.lists(present, solvedNow: solved, scratch)
    let scored = clock.monotonicNanoseconds
    for list in lists { outcome.commands.append(PublishCommands.user(list, engine, contents, now: now)) }
    engine.noteStanding(lists, shadowScratch)
    outcome.users += present.count
    outcome.times.foldIn += foldedIn - began
    outcome.times.score += scored - foldedIn
    outcome.times.publish += clock.monotonicNanoseconds - scored
  }

  /// Publishes vectors of untrained items, which readers need before a list that names the items.
  private mutating func runNewItems(_ max: Int, all: Bool, _ engine: inout RecommenderEngine, _ outcome: inout Outcome) {
    var items = engine.refreshNewItems(max: max)
    guard contents.vectors || contents.rows, let model = engine.model else { return }
    if all { items = Set(items).union(model.foldedInItems).sorted() }
    if contents.rows { packs.note(items, all: all) }
    guard contents.vectors else { return }
    for item in items where model.hasVector(item) {
      outcome.commands.append(PublishCommands.itemVector(item, model, engine.state.catalogue.items))
    }
  }

  private mutating func append(_ number: Int, _ model: InstalledModel, _ engine: RecommenderEngine, _ outcome: inout Outcome) {
    let pack = engine.itemPack(number, of: model)
    packs.written(number, items: Int(pack.first) + pack.ids.count)
    outcome.commands.append(.itemPack(pack, version: version.next(nowMilliseconds: clock.wallMilliseconds)))
  }

  private mutating func runSimilar(_ range: Range<Int32>, _ engine: inout RecommenderEngine, _ now: EngineInstant, _ outcome: inout Outcome)
  {
    guard let model = engine.model, let similar = self.similar ?? engine.takeSimilarItems() else { return }
    self.similar = similar
    let items = range.filter(model.hasVector)
    let lists = similar.lists(of: items, model, n: engine.settings.similarN, scratch)
    for (item, list) in zip(items, lists) {
      outcome.commands.append(PublishCommands.similar(item, list, model.epoch, engine.state.catalogue.items, now: now))
    }
    if Int(range.upperBound) >= engine.state.catalogue.items.capacity { self.similar = nil }
  }
}
