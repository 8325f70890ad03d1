import Factorization
import ServingFormats
import StreamingRecommender
import Telemetry

/// Builds publish commands from the engine's results by replacing indices with ids. Pure functions.
enum PublishCommands {
  static func user(_ list: FreshList, _ engine: RecommenderEngine, _ contents: PublishExecutor.Contents, now: EngineInstant)
    -> PublishCommand
  {
    let source = engine.source(of: list.user)
    return .user(
      UserRecommendations(
        user: Identifier(engine.state.users.name(list.user)),
        list: RecommendationList(
          epoch: engine.model?.epoch ?? 0, source: list.source, partition: source.partition,
          offset: (engine.state.offsets[source] ?? 0) - 1,
          madeAtMilliseconds: now.wallMilliseconds, items: items(list.items, engine.state.catalogue.items),
          filledFrom: list.filledFrom),
        factors: contents.vectors ? engine.state.users.vector(list.user) : nil,
        row: contents.rows ? engine.row(of: list, source, nowMilliseconds: now.wallMilliseconds) : nil))
  }

  static func itemVector(_ item: Int32, _ model: InstalledModel, _ ids: IdentifierTable) -> PublishCommand {
    .itemFactors(epoch: model.epoch, item: Identifier(ids.name(item)), factors: model.itemFactors.array(Int(item)))
  }

  static func pointer(_ model: InstalledModel, previous: UInt32?, users: Int, requiresItems: Bool, served: ServedModel?)
    -> PublishCommand
  {
    .model(
      ModelPointer(
        epoch: model.epoch, previousEpoch: previous, factors: model.factors, users: users, items: model.vectorCount,
        trainedAtMilliseconds: model.trainedAtMilliseconds, keptEpochs: [model.epoch - 1, model.epoch].filter { $0 > 0 },
        requiresItems: requiresItems, served: served))
  }

  static func similar(_ item: Int32, _ list: [ScoredItem], _ epoch: UInt32, _ ids: IdentifierTable, now: EngineInstant) -> PublishCommand {
    .similar(
      item: Identifier(ids.name(item)),
      list: RecommendationList(
        epoch: epoch, source: .similar, partition: 0, offset: -1, madeAtMilliseconds: now.wallMilliseconds, items: items(list, ids)))
  }

  /// Returns the commands for work that needs no computation.
  static func commands(_ work: PublishWork, _ engine: RecommenderEngine, _ contents: PublishExecutor.Contents, now: EngineInstant)
    -> [PublishCommand]
  {
    let ids = engine.state.catalogue.items
    let epoch = engine.model?.epoch ?? 0
    switch work {
    case .forget(let users): return users.map { .forget(user: $0) }
    case .itemsBegin(let epoch): return [.itemsBegin(epoch: epoch)]
    case .itemVectors(let epoch, let range):
      guard let model = engine.model(epoch: epoch) else { return [] }
      return range.filter(model.hasVector).map { itemVector($0, model, ids) }
    case .itemsComplete(let epoch): return [.itemsComplete(epoch: epoch, count: engine.model(epoch: epoch)?.vectorCount ?? 0)]
    case .retire(let epoch, let range):
      return [
        .retireItemFactors(
          epoch: epoch, items: contents.vectors ? range.map { Identifier(ids.name($0)) } : [],
          packs: contents.rows ? ItemPack.count(items: Int(range.lowerBound))..<ItemPack.count(items: Int(range.upperBound)) : 0..<0)
      ]
    case .popular:
      let list = items(engine.popular(contents.popularN), ids)
      return list.isEmpty
        ? []
        : [
          .popular(
            RecommendationList(
              epoch: epoch, source: .popular, partition: 0, offset: -1, madeAtMilliseconds: now.wallMilliseconds, items: list))
        ]
    case .progress(let offsets):
      return offsets.next.sorted { $0.key < $1.key }
        .map { .progress($0.key, offset: $0.value - 1, epoch: epoch, atMilliseconds: now.wallMilliseconds) }
    case .trending(let blob): return [.trending(blob)]
    case .lists, .newItems, .pointer, .similar, .itemPacks, .duePacks, .trend, .itemDocuments:
      preconditionFailure("\(work) needs the engine to compute")
    }
  }

  private static func items(_ items: [ScoredItem], _ ids: IdentifierTable) -> [RecommendedItem] {
    items.map { RecommendedItem(item: Identifier(ids.name($0.item)), score: $0.score) }
  }
}
