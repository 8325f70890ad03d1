import Factorization
import ServingFormats

// What readers need that compute lists themselves.
extension RecommenderEngine {
  /// The row of a user whose list was just made.
  package func row(of list: FreshList, _ source: TopicPartition, nowMilliseconds: Int64) -> UserRow {
    let user = list.user
    return UserRow(
      epoch: model?.epoch ?? 0, partition: source.partition, offset: (state.offsets[source] ?? 0) - 1,
      madeAtMilliseconds: nowMilliseconds, isFoldedIn: list.source == .foldin, factors: state.users.vector(user) ?? [],
      seen: state.users.newestSeen(user, max: UserRow.seenMax),
      boosts: Self.rowBoosts(ranking.boosts { state.users.forEachNewestFirst(user, $0) }))
  }

  /// One boost per item, the largest ones, ascending by item.
  private static func rowBoosts(_ boosts: [ScoredItem]) -> [UserRow.Boost] {
    var sums: [UserRow.Boost] = []
    for boost in boosts.sorted(by: { $0.item < $1.item }) {
      if sums.last?.item == boost.item {
        sums[sums.count - 1].score += boost.score
      } else {
        sums.append(UserRow.Boost(item: boost.item, score: boost.score))
      }
    }
    guard sums.count > UserRow.boostsMax else { return sums }
    return sums.sorted { $0.score == $1.score ? $0.item < $1.item : $0.score > $1.score }.prefix(UserRow.boostsMax)
      .sorted { $0.item < $1.item }
  }

  /// Ids and vectors of the items with the numbers of one pack; all items that exist by now, whether or not they have a vector.
  package func itemPack(_ number: Int, of model: InstalledModel) -> ItemPack {
    let items = state.catalogue.items
    let first = number * ItemPack.size
    var pack = ItemPack(epoch: model.epoch, first: Int32(first), factors: model.factors)
    for item in Int32(first)..<Int32(min(first + ItemPack.size, items.capacity)) {
      pack.append(
        id: items.name(item), vector: model.hasVector(item) ? model.itemFactors[Int(item)] : nil, hasSupport: hasSupport(item, in: model))
    }
    return pack
  }

  /// - Parameters:
  ///   - numbersSinceMilliseconds: when this process began to give numbers to items.
  ///   - numbersKept: how many items had a number already.
  package func trendBlob(nowMilliseconds: Int64, numbersSinceMilliseconds: Int64, numbersKept: Int) -> TrendBlob {
    let trend = state.catalogue.trend
    return TrendBlob(
      madeAtMilliseconds: nowMilliseconds, numbersSinceMilliseconds: numbersSinceMilliseconds, numbersKept: numbersKept,
      growth: trend.growth, weight: ranking.biasWeight, weightWithoutTaste: ranking.biasWeightWithoutTaste,
      accumulators: trend.accumulators)
  }

  /// The parameters of the model for the hash `model`.
  package var servedModel: ServedModel {
    let parameters = settings.parameters
    var alpha: Double?
    var unobserved = 1.0
    switch parameters.confidence {
    case .alpha(let value): alpha = Double(value)
    case .unobservedWeight(let value): unobserved = Double(value)
    case .rating: preconditionFailure("the engine has no model of ratings")
    }
    return ServedModel(
      packs: ItemPack.count(items: state.catalogue.items.capacity), unobservedWeight: unobserved, alpha: alpha,
      regularization: Double(parameters.regularization.lambda), regularizationExponent: Double(parameters.regularization.exponent),
      excludesSeen: settings.excludeSeen)
  }
}
