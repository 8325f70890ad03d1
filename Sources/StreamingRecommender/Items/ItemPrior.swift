import ItemMetadata

/// A linear map from the features of an item's document to its vector: where the vector of an item starts that nobody has used yet.
///
/// Ridge regression of trained item vectors on one-hot features and an intercept, after Gantner, Drumond, Freudenthaler, Rendle and
/// Schmidt-Thieme, "Learning Attribute-to-Feature Mappings for Cold-Start Recommendations" (ICDM 2010). As the centre of the
/// regularization of an item's fold-in it keeps its influence after the first events, so that they do not make the item worse.
public struct ItemPrior: Sendable, Equatable {
  /// Which features count.
  public struct Rules: Sendable, Equatable {
    /// Whether the words of titles are features, beside categories and tags.
    public var titleWords = false
    /// A feature of fewer items is left out.
    public var itemsMin = 3
    public var featuresMax = 4096
    public var regularization: Float = 3
    public init() {}
  }

  public let factors: Int
  let titleWords: Bool
  /// Column of each feature.
  private(set) var columns: [String: Int32]
  /// One row of `factors` values per feature, then the intercept.
  private(set) var weights: [Float]

  init(factors: Int, titleWords: Bool, columns: [String: Int32], weights: [Float]) {
    precondition(weights.count == (columns.count + 1) * factors, "\(weights.count) weights for \(columns.count) features")
    self.factors = factors
    self.titleWords = titleWords
    self.columns = columns
    self.weights = weights
  }

  public var featureCount: Int { columns.count }

  /// The vector of an item with this document; `nil` if the map knows none of its features.
  func vector(of document: ItemDocument) -> [Float]? {
    let known = Self.features(of: document, titleWords: titleWords).compactMap { columns[$0] }
    return known.isEmpty ? nil : vector(known)
  }

  func vector(_ known: [Int32]) -> [Float] {
    var vector = Array(weights[(columns.count * factors)...])
    for column in known {
      let start = Int(column) * factors
      for dimension in 0..<factors { vector[dimension] += weights[start + dimension] }
    }
    return vector
  }

  // MARK: Features

  /// The features of a document, each once. The first letter says what it is, so that a tag is no category.
  static func features(of document: ItemDocument, titleWords: Bool) -> [String] {
    var features = document.categories.map { "c" + $0 } + document.tags.map { "t" + $0 }
    if titleWords, let title = document.title {
      var words = Set<String>()
      for word in title.lowercased().split(whereSeparator: { !$0.isLetter && !$0.isNumber }) where word.count > 1 {
        if words.insert(String(word)).inserted { features.append("w" + word) }
      }
    }
    return features
  }

  // MARK: Learning

  /// One item to learn from.
  struct Example {
    var item: Int32
    var features: [String]
  }

  /// The columns of the most frequent features of the examples, by frequency, then by text.
  static func columns(of examples: [Example], _ rules: Rules) -> [String: Int32] {
    var counts: [String: Int] = [:]
    for example in examples { for feature in example.features { counts[feature, default: 0] += 1 } }
    let kept = counts.filter { $0.value >= rules.itemsMin }
      .sorted { $0.value == $1.value ? $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) : $0.value > $1.value }
      .prefix(rules.featuresMax)
    return Dictionary(uniqueKeysWithValues: kept.enumerated().map { ($1.key, Int32($0)) })
  }

  /// Learns from the vectors of the examples; `nil` if there are too few examples or features.
  static func learn(_ examples: [Example], factors: Int, _ rules: Rules, vector: (Int32) -> UnsafeBufferPointer<Float>) -> ItemPrior? {
    let columns = columns(of: examples, rules)
    let rows = examples.map { example in (example.item, example.features.compactMap { columns[$0] }) }.filter { !$0.1.isEmpty }
    guard !columns.isEmpty, rows.count >= examplesMin else { return nil }
    let solver = RidgeSolver(rows: rows.map(\.1), columns: columns.count, factors: factors, regularization: rules.regularization)
    let weights = solver.solve { row in vector(rows[row].0) }
    guard weights.allSatisfy(\.isFinite) else { return nil }
    return ItemPrior(factors: factors, titleWords: rules.titleWords, columns: columns, weights: weights)
  }

  static let examplesMin = 50
}
