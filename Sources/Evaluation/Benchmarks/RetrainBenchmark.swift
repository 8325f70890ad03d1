import StreamingRecommender
import Telemetry

/// Trainings beside a stream that goes on: their time by phase, the memory they take, what the stream's turns cost meanwhile, and how soon
/// a cancelled one ends.
///
/// The engine alone, fed with made-up events: no decoding, no Kafka, no Redis. The thread that calls `run` owns the engine, as the ingest
/// loop does.
public struct RetrainBenchmark: Sendable {
  public struct Outcome: Sendable {
    /// Of applying alone, without making the events up.
    public var loadedPerSecond: Double
    public var atRestWithoutModel: Memory
    public var atRest: Memory
    public var first: Training
    /// Between the trainings.
    public var turns: Turns
    public var warm: Training
    public var cancelled: Training
    /// At the end, those of the turns included.
    public var eventsApplied: Int
    /// Over the state that each of the two completed trainings took and over the model that it left.
    public var hash: ResultHash
  }

  /// What the long parts tell while they go on.
  public struct Progress: Sendable, Equatable {
    public var label: String
    public var done: Int
    public var total: Int
  }

  public var configuration: RecommenderConfiguration
  /// Events before the first training. A hundredth of that comes between the two.
  public var interactions: Int
  public var users: Int
  public var items: Int
  /// Of a training.
  public var threads = 1
  public var seed: UInt64 = 42
  /// Events that are there when a turn begins, and the time from one turn to the next.
  public var turnEvents = 10
  public var turnInterval = Duration.milliseconds(10)
  /// Measured before the second training.
  public var turnsBefore = 1000
  /// Of the half-steps, when the third training is told to end; 0: before it begins.
  public var cancelAtRatio = 0.3

  /// As many as the ingest loop polls at a time.
  static let batch = 2048

  public init(_ configuration: RecommenderConfiguration, interactions: Int, users: Int? = nil, items: Int? = nil) {
    precondition(interactions >= 1000, "\(interactions) interactions are too few to train on")
    self.configuration = configuration
    self.interactions = interactions
    self.users = users ?? interactions / 20
    self.items = items ?? interactions / 200
  }

  /// Turns between the two trainings, as far as a hundredth of the events goes.
  var turnsBetween: Int { min(turnsBefore, interactions / 100 / turnEvents) }
}

extension RetrainBenchmark {
  public struct Memory: Sendable {
    public var interactions: Int
    /// Of the process, with all that it ever took and did not give back.
    public var residentBytes: Int
    /// What the engine counts.
    public var state: StateSize

    public var residentBytesPerInteraction: Double { Double(residentBytes) / Double(max(1, interactions)) }
    public var stateBytesPerInteraction: Double { Double(state.total) / Double(max(1, interactions)) }
  }

  public struct Training: Sendable {
    public var record: RetrainRecord
    /// From the freeze to the end of the work, beside the stream.
    public var seconds: Double
    /// What the owner of the engine did itself, in no turn: freezing the state, and putting the new model in place.
    public var freezeSeconds: Double
    public var installSeconds = 0.0
    public var residentBytesBefore: Int
    /// The highest between two turns.
    public var residentBytesPeak: Int
    /// Beside the training.
    public var turns = Turns()
    /// From the call of `cancel` to the end; `nil` when it was never called.
    public var secondsToCancel: Double?
    public var stateHash: StateHash
    /// Of the live model.
    public var epochBefore: UInt32?
    public var epochAfter: UInt32?

    public var peakBytesPerInteraction: Double { Double(residentBytesPeak) / Double(max(1, record.pairs)) }
  }

  /// What the owner of the engine did for events that came steadily.
  public final class Turns: Sendable {
    /// Applying a turn's events, vectors of new items, lists of the users that changed.
    public let work = LatencyHistogram()
    /// From when the events were due to their last list; counts what a turn waits for the one before.
    public let delay = LatencyHistogram()

    public var count: Int { Int(work.count) }
  }
}
