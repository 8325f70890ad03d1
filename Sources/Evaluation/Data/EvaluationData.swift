import Datasets
import StreamingRecommender

/// How the value column of a file becomes an event: contracts of `train`, `evaluate` and `produce`.
public enum ValueRule: String, Sendable, CaseIterable {
  /// Each row sets the pair to strength 1: a rating or a quantity is not a confidence.
  case ignore
  case weight, log1p

  /// The strength that the value stands for.
  public func strength(_ value: Double?) -> Double {
    switch self {
    case .ignore: 1
    case .weight: value ?? 1
    case .log1p: if let value { value < 0 ? -log1pOf(-value) : log1pOf(value) } else { 1 }
    }
  }

  public var operation: Interaction.Operation { self == .ignore ? .set : .add }
}

/// The interactions of a file, in its order.
public struct EvaluationData: Sendable {
  public private(set) var interactions: [Interaction] = []
  /// What the reader could not use; `nil` for data that came from memory.
  public private(set) var report: InteractionFile.Report?

  /// - Parameter limit: interactions kept at most.
  public init(path: String, format: InteractionFile.Format? = nil, value: ValueRule = .ignore, limit: Int? = nil) throws {
    var interactions: [Interaction] = []
    report = try Self.read(path, format: format, value: value, limit: limit) { interaction, _ in interactions.append(interaction) }
    self.interactions = interactions
  }

  public init(_ interactions: [Interaction]) { self.interactions = interactions }

  /// Hands out the interactions of a file one by one; a row without a time has its number as one.
  ///
  /// - Parameters:
  ///   - limit: interactions handed out at most.
  ///   - body: the file tells how far it has been read.
  /// - Throws: `DatasetError`, and what `body` throws.
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

  /// A file has no "now" to measure the future by: only what no order can hold is pulled back.
  private static func clamped(_ milliseconds: Int64) -> Int64 { min(max(0, milliseconds), InteractionOrder.latestMilliseconds) }
}
