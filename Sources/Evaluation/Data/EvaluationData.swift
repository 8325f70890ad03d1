import Datasets
import StreamingRecommender

/// How the value column of a file becomes an event, as defined for `train`, `evaluate` and `produce`.
public enum ValueRule: String, Sendable, CaseIterable {
  /// Each row sets the pair to strength 1, because a rating or a quantity is not a confidence.
  case ignore
  case weight, log1p

  /// Returns the strength for a value.
  public func strength(_ value: Double?) -> Double {
    switch self {
    case .ignore: 1
    case .weight: value ?? 1
    case .log1p: if let value { value < 0 ? -log1pOf(-value) : log1pOf(value) } else { 1 }
    }
  }

  public var operation: Interaction.Operation { self == .ignore ? .set : .add }
}

/// The interactions of a file in file order.
public struct EvaluationData: Sendable {
  public private(set) var interactions: [Interaction] = []
  /// What could not be read; `nil` for data from memory.
  public private(set) var report: InteractionFile.Report?

  /// - Parameter limit: the maximum number of interactions.
  public init(path: String, format: InteractionFile.Format? = nil, value: ValueRule = .ignore, limit: Int? = nil) throws {
    var interactions: [Interaction] = []
    report = try Self.read(path, format: format, value: value, limit: limit) { interaction, _ in interactions.append(interaction) }
    self.interactions = interactions
  }

  public init(_ interactions: [Interaction]) { self.interactions = interactions }

  /// Reads the interactions of a file one by one. A row without a time is given its row number as time.
  ///
  /// - Parameters:
  ///   - limit: the maximum number of interactions.
  ///   - body: called for each interaction, with the file that reports how far it has been read.
  /// - Throws: `DatasetError`, and errors of `body`.
  static func read(
    _ path: String, format: InteractionFile.Format? = nil, value: ValueRule = .ignore, limit: Int? = nil,
    _ body: (Interaction, InteractionFile) throws -> Void
  ) throws -> InteractionFile.Report {
    let file = try InteractionFile(path: path, format: format)
    let decoder = InteractionDecoder(RecommenderConfiguration.Input())
    var (row, taken) = (0, 0)
    while taken < limit ?? .max, let next = try file.next() {
      row += 1
      guard let interaction = interaction(next, row: row, value, decoder) else { continue }
      taken += 1
      try body(interaction, file)
    }
    return file.report
  }

  private static func interaction(_ next: InteractionFile.Row, row: Int, _ value: ValueRule, _ decoder: InteractionDecoder)
    -> Interaction?
  {
    switch next {
    case .columns(let columns):
      return Interaction(
        user: columns.user, item: columns.item, strength: Float(max(-1e6, min(1e6, value.strength(columns.value)))),
        timeMilliseconds: clamped(columns.timeMilliseconds ?? Int64(row)), operation: value.operation)
    case .event(let bytes):
      let record = Record(
        offset: Int64(row), timestampMilliseconds: nil, key: nil, value: bytes)
      guard case .interaction(var interaction, _, _) = decoder.decode(record, fallbackMilliseconds: .max / 4) else { return nil }
      interaction.timeMilliseconds = clamped(interaction.timeMilliseconds)
      return interaction
    }
  }

  /// A file has no current time against which to limit times; only times outside the representable range are clamped.
  private static func clamped(_ milliseconds: Int64) -> Int64 { min(max(0, milliseconds), InteractionOrder.latestMilliseconds) }
}
