import Factorization
import HTTPServing
import ItemMetadata
import StreamingRecommender
import Telemetry

// Lists that belong to no user, and scores of single items.
extension ListMaker {
  public func popular(_ options: ListOptions) -> ListAnswer {
    guard let matrix = view.newest else {
      guard let popular = view.popular else { return ListAnswer(user: nil) }
      return answer(nil, from: popular, options, rules(for: nil, options))
    }
    let (candidates, unavailable) = candidates(options, matrix)
    let page = options.page(countDefault)
    let items = Scorer(matrix, scratch).popular(
      page.upperBound, excluded: unavailable + unlisted(options, matrix), among: candidates, needsSupport: false)
    return listed(items, matrix, options, .popular, madeAt: matrix.trend.blob.madeAtMilliseconds)
  }

  /// The stored list of similar items; computed where a filter leaves too little of it. `nil` if nobody knows the item.
  public func similar(to item: Identifier, _ stored: StoredList?, _ options: ListOptions) -> ListAnswer? {
    let number = view.newest?.directory.number(item)
    var own = stored.map { answer(nil, from: $0, options, rules(for: nil, options)) }
    let isComplete = own.map { $0.items.count >= options.count(countDefault) } ?? false
    let needsMore = options.filter != nil || options.include != nil || !options.exclude.isEmpty || stored == nil
    guard !isComplete, needsMore, let matrix = view.newest, let number, matrix.hasVector(number) else {
      guard own == nil, number != nil else { return own }
      own = ListAnswer(user: nil)
      own?.epoch = view.newest?.epoch
      return own
    }
    let (candidates, unavailable) = candidates(options, matrix)
    let items = Scorer(matrix, scratch).similar(
      options.page(countDefault).upperBound, to: number, excluded: unavailable + unlisted(options, matrix), among: candidates)
    var computed = listed(items, matrix, options, .similar, madeAt: matrix.trend.blob.madeAtMilliseconds)
    // The stored lists also weigh how many users an item has.
    computed.isApproximate = true
    return computed
  }

  /// What the request and rules leave out.
  func unlisted(_ options: ListOptions, _ matrix: ItemMatrix) -> [Int32] {
    numbers(options.exclude, matrix) + (rules(for: nil, options).map { Array($0.excluded) } ?? [])
  }

  func listed(
    _ items: [ScoredItem], _ matrix: ItemMatrix, _ options: ListOptions, _ source: ItemSource, madeAt: Int64
  ) -> ListAnswer {
    var answer = ListAnswer(user: nil)
    answer.epoch = matrix.epoch
    answer.madeAtMilliseconds = madeAt
    let page = options.page(countDefault)
    let kept = items.filter { item in options.minScore.map { item.score >= $0 } ?? true }
    for (place, item) in kept.enumerated().dropFirst(page.lowerBound).prefix(page.count) {
      guard let id = matrix.directory.id(item.item) else { continue }
      answer.items.append(
        ListAnswer.Item(
          item: id, score: item.score, source: source, rank: place + 1,
          document: options.fields.isEmpty ? nil : view.catalogue.index.document(item.item)))
    }
    answer.source = answer.items.first?.source
    return answer
  }

  /// The scores of single items for a user, whether or not they would be listed.
  func scores(of items: [Identifier], for user: String, _ stored: GatewayStore.User) throws(Problem) -> JSONValue {
    guard let row = stored.row else {
      throw Problem(
        .notFound, "there is no row of the user \(user.prefix(100))",
        fix: "the user needs an event first, and the engine must run with publish.rows=true")
    }
    guard let matrix = view.matrices[row.epoch], matrix.accepts(row) else {
      throw Problem(
        .unavailable, "the item vectors of epoch \(row.epoch) are not loaded yet", fix: "try again in a second",
        headers: [.init("Retry-After", "1")])
    }
    let taste = Taste(row)
    let numbers = items.map { matrix.directory.number($0) }
    let scores = Scorer(matrix, scratch).scores(of: numbers.map { $0 ?? -1 }, for: taste)
    let seen = Set(row.seen)
    let entries = zip(items, zip(numbers, scores)).map { item, found -> JSONValue in
      [
        "item": .string(item.string), "score": found.1.map { .number(Double($0.description) ?? 0) } ?? .null,
        "seen": .bool(found.0.map { seen.contains($0) } ?? false),
        "available": .bool(view.catalogue.isAvailable(item, number: found.0, at: now)),
      ]
    }
    return [
      "user": .string(user), "epoch": .integer(Int(row.epoch)), "age_ms": .integer(Int(max(0, now - row.madeAtMilliseconds))),
      "scores": .array(entries),
    ]
  }
}
