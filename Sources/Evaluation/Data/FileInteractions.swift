import Datasets
import StreamingRecommender

/// Reads the interactions of a file one by one.
public final class FileInteractions {
  public struct Settings {
    public var reading = ReadingOptions()
    public var value = ValueRule.ignore
    /// The engine's settings: what JSON events and the types of events mean.
    public var input = RecommenderConfiguration.Input()
    /// Takes what cannot be used.
    public var rejects: RejectedLines?

    public init(reading: ReadingOptions = ReadingOptions(), value: ValueRule = .ignore) {
      self.reading = reading
      self.value = value
      self.reading.usesValues = value != .ignore
    }
  }

  public let file: InteractionFile
  /// The number of events that count for nothing by their type.
  public private(set) var ignored = 0

  private let rejects: RejectedLines?
  private let value: ValueRule
  private let decoder: InteractionDecoder
  private let types: EventTypes
  private var row = 0

  /// Opens a file and judges its columns.
  ///
  /// - Throws: `DatasetError`.
  public init(_ path: String, _ settings: Settings = Settings()) throws(DatasetError) {
    rejects = settings.rejects
    value = settings.value
    var input = settings.input
    // The record of a file has no time of its own.
    input.onBadTimestamp = .reject
    decoder = InteractionDecoder(input.ofFiles)
    types = EventTypes(settings.input)
    file = try InteractionFile(path: path, options: settings.reading, rejects: settings.rejects)
  }

  /// Calls `body` for each interaction. A row without a time is given its number as time.
  ///
  /// - Parameter limit: the maximum number of interactions.
  /// - Throws: `DatasetError`, and errors of `body`.
  public func read(limit: Int? = nil, _ body: (Interaction) throws -> Void) throws {
    var taken = 0
    try readValued(isDone: { taken >= limit ?? .max }) { interaction, _ in
      taken += 1
      try body(interaction)
    }
  }

  /// Writes what is buffered of the rejected lines.
  ///
  /// - Throws: `DatasetError` if any of them could not be written.
  public func flushRejects() throws(DatasetError) { try rejects?.flush() }

  /// Calls `body` for each interaction with the value that its row has, which `--value` does not change.
  public func readValued(isDone: () -> Bool = { false }, _ body: (Interaction, _ value: Double?) throws -> Void) throws {
    while !isDone(), let next = try file.next() {
      row += 1
      switch next {
      case .columns(let columns): if let interaction = interaction(columns) { try body(interaction, columns.value) }
      case .event(let bytes):
        for interaction in events(bytes) {
          try body(interaction, Double(interaction.strength))
          if isDone() { return }
        }
      }
    }
  }

  /// Calls `body` for each row of which anything counts, with its interactions; a row of columns has one.
  public func readRows(_ body: (InteractionFile.Row, [Interaction]) throws -> Void) throws {
    while let next = try file.next() {
      row += 1
      let interactions =
        switch next {
        case .columns(let columns): interaction(columns).map { [$0] } ?? []
        case .event(let bytes): events(bytes)
        }
      if !interactions.isEmpty { try body(next, interactions) }
    }
  }

  private func interaction(_ columns: InteractionRow) -> Interaction? {
    var weight: Float = 1
    var operation = value.operation
    var countsAsSeen = true
    if let type = columns.type {
      switch types.meaning(of: type) {
      case .event(let event): (weight, operation, countsAsSeen) = (event.strength, event.operation, event.countsAsSeen)
      case .ignored:
        ignored += 1
        return nil
      case .rejected(let reason):
        file.reject(reason, kind: "bad_type")
        return nil
      }
    }
    if let own = columns.operation.flatMap(Interaction.Operation.init) { operation = own }
    return Interaction(
      user: columns.user, item: columns.item, strength: Float(max(-1e6, min(1e6, value.strength(columns.value)))) * weight,
      timeMilliseconds: Self.clamped(columns.timeMilliseconds ?? Int64(row)), operation: operation, eventID: columns.id,
      countsAsSeen: countsAsSeen)
  }

  private func events(_ bytes: [UInt8]) -> [Interaction] {
    let record = Record(offset: Int64(row), timestampMilliseconds: nil, key: nil, value: bytes)
    let decoded = decoder.decode(record, fallbackMilliseconds: .max / 4)
    switch decoded {
    case .interaction: break
    case .interactions(_, let reasons): ignored += reasons.values.reduce(0, +)
    case .ignored, .forget, .merge, .waiting: ignored += 1
    case .failure(let failure): file.reject(failure.message, kind: failure.reason.rawValue)
    }
    return decoded.events.map { event in
      var interaction = event.interaction
      interaction.timeMilliseconds = Self.clamped(interaction.timeMilliseconds)
      return interaction
    }
  }

  /// A file has no current time against which to limit times; only times outside the representable range are clamped.
  private static func clamped(_ milliseconds: Int64) -> Int64 { min(max(0, milliseconds), InteractionOrder.latestMilliseconds) }
}

extension Interaction.Operation {
  public init(_ operation: InteractionRow.Operation) {
    switch operation {
    case .add: self = .add
    case .set: self = .set
    case .delete: self = .delete
    }
  }
}
