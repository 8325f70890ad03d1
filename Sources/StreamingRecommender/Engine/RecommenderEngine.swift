import Factorization

/// The state and all decisions about it: events in, changed users out; users in, lists out. A value without I/O and without a
/// clock; whoever owns it acts.
public struct RecommenderEngine: Sendable {
  public let settings: EngineSettings
  let decoder: InteractionDecoder
  public internal(set) var store: InteractionStore
  public internal(set) var trend: TrendCounter
  public internal(set) var transitions: TransitionCounts
  public internal(set) var model: InstalledModel?
  var served: ServedFactors
  var panels: ItemPanels
  /// Items without a vector among the panels, ascending.
  var absentItems: [Int32] = []
  /// For each item that the live model was not trained on: its users, newest last, at most `newItemUsersMax`.
  var newItemUsers: [Int32: [Int32]] = [:]
  /// Untrained items whose users changed since their vector was solved.
  var changedNewItems: Set<Int32> = []
  public internal(set) var offsets = PartitionOffsets()
  /// Events that changed the state or were found stale; each once, whatever the number of restarts.
  public internal(set) var eventsApplied: UInt64 = 0
  public internal(set) var eventsSinceFreeze = 0
  /// `eventsSinceFreeze` when the training in progress froze the state.
  var eventsAtFreeze = 0
  /// `eventsSinceFreeze` when the last training that came to nothing froze the state: the next one waits for new events.
  var eventsAtLastAttempt = 0
  /// The highest number that a model of this engine ever had; numbers are never given again.
  public internal(set) var lastEpoch: UInt32 = 0
  /// Ids whose tombstones the view has not confirmed: a restart tells it again.
  var unconfirmedForgets: [Identifier] = []
  /// A trained model on its way to the readers.
  public internal(set) var pending: PendingModel?
  /// Users that changed since the freeze of the training in progress.
  var changedSinceFreeze: Set<Int32>?
  /// Users forgotten since then: their rows must not come back with the trained model.
  var forgottenSinceFreeze: Set<Int32> = []
  public internal(set) var nonFiniteVectors = 0
  /// The epoch under which every user has been published.
  public internal(set) var rolledOutEpoch: UInt32 = 0

  static let newItemUsersMax = 200

  public struct PendingModel: Sendable {
    public internal(set) var model: InstalledModel
    var served: ServedFactors
    var panels: ItemPanels
    /// Users whose rows in `served` are older than their history.
    var changed: Set<Int32>
  }

  public init(settings: EngineSettings, input: RecommenderConfiguration.Input) {
    self.settings = settings
    decoder = InteractionDecoder(input)
    store = InteractionStore(limits: settings.limits)
    trend = TrendCounter(halfLife: settings.trendHalfLife)
    transitions = TransitionCounts(successorsMax: settings.transitions?.successors ?? 1)
    served = ServedFactors(factors: settings.parameters.factors)
    panels = ItemPanels(factors: settings.parameters.factors)
  }

  public init(_ configuration: RecommenderConfiguration) {
    self.init(settings: EngineSettings(configuration), input: configuration.input)
  }

  /// The partition as one number for `InteractionOrder`: topic in the upper 4 bits, partition in the lower 12.
  func partitionNumber(_ source: TopicPartition) -> UInt16? {
    guard let topic = settings.topics.firstIndex(of: source.topic), topic < 16, (0..<4096).contains(source.partition) else { return nil }
    return UInt16(topic) << 12 | UInt16(source.partition)
  }

  public func supports(_ source: TopicPartition) -> Bool { partitionNumber(source) != nil }

  func topicPartition(_ number: UInt16) -> TopicPartition {
    TopicPartition(topic: settings.topics[min(Int(number >> 12), settings.topics.count - 1)], partition: Int32(number & 0xfff))
  }
}

/// What came of a batch of records.
public struct EngineUpdate: Sendable {
  /// Each once, in the order of their first event in the batch.
  public var changedUsers: [Int32] = []
  /// One entry per applied event: its user and when its record was produced.
  public var applied: [AppliedEvent] = []
  /// Ids of users that a tombstone removed.
  public var forgotten: [Identifier] = []
  public var deadLetters: [DeadLetter] = []
  public var consumed = 0
  public var rejected: [RejectionReason: Int] = [:]
  public var ignored: [IgnoreReason: Int] = [:]
  public var clampedValues = 0
  public var clampedTimestamps = 0
  public var keyMismatches = 0
  public var unknownItems = 0
  public init() {}

  public struct AppliedEvent: Sendable, Equatable {
    public var user: Int32
    public var producedAtMilliseconds: Int64?
  }
}
