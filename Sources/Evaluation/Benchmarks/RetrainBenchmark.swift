import StreamingRecommender
import Telemetry

/// Measures trainings that run concurrently with a stream: time per phase, memory, the effect on the stream's iterations, and how soon a
/// cancelled training ends.
///
/// It runs the engine with generated events, without decoding, Kafka and Redis. The thread that calls `run` owns the engine, as the
/// ingest loop does.
public struct RetrainBenchmark: Sendable {
  public struct Outcome: Sendable {
    /// Events applied per second, excluding the time for generating them.
    public var loadedPerSecond: Double
    public var atRestWithoutModel: Memory
    public var atRest: Memory
    public var first: Training
    /// Measured between the trainings.
    public var turns: Turns
    public var warm: Training
    public var cancelled: Training
    /// Measured last; `nil` without `RetrainBenchmark.tombstones`.
    public var tombstones: Tombstones?
    /// The number of events applied by the end of the trainings, including those of the turns.
    public var eventsApplied: Int
    /// Covers the states that the two completed trainings used and the models that they produced.
    public var hash: ResultHash
  }

  /// The progress of a long phase.
  public struct Progress: Sendable, Equatable {
    public var label: String
    public var done: Int
    public var total: Int
  }

  public var configuration: RecommenderConfiguration
  /// The number of events before the first training. A hundredth of that is applied between the two trainings.
  public var interactions: Int
  public var users: Int
  public var items: Int
  /// The number of threads of a training.
  public var threads = 1
  public var seed: UInt64 = 42
  /// The number of events per turn; the interval between turns follows.
  public var turnEvents = 10
  public var turnInterval = Duration.milliseconds(10)
  /// The number of turns measured before the second training.
  public var turnsBefore = 1000
  /// The fraction of the half-steps after which the third training is cancelled; 0 cancels it before it begins.
  public var cancelAtRatio = 0.3
  /// The number of users who leave at the end, after `newItems` items that no training has seen; 0 leaves this part out.
  public var tombstones = 0
  public var newItems = 100_000

  /// The number of events that the ingest loop polls at a time.
  static let batch = 2048

  public init(_ configuration: RecommenderConfiguration, interactions: Int, users: Int? = nil, items: Int? = nil) {
    precondition(interactions >= 1000, "\(interactions) interactions are too few to train on")
    self.configuration = configuration
    self.interactions = interactions
    self.users = users ?? interactions / 20
    self.items = items ?? interactions / 200
  }

  /// The number of turns between the two trainings, limited to a hundredth of the events.
  var turnsBetween: Int { min(turnsBefore, interactions / 100 / turnEvents) }
}

extension RetrainBenchmark {
  public struct Memory: Sendable {
    public var interactions: Int
    /// Resident memory of the process, including freed memory not returned to the system.
    public var residentBytes: Int
    /// The size of the state as computed by the engine.
    public var state: StateSize

    public var residentBytesPerInteraction: Double { Double(residentBytes) / Double(max(1, interactions)) }
    public var stateBytesPerInteraction: Double { Double(state.total) / Double(max(1, interactions)) }
  }

  public struct Training: Sendable {
    public var record: RetrainRecord
    /// From the freeze until the end of the work, concurrently with the stream.
    public var seconds: Double
    /// Work of the engine's owner outside of turns: freezing the state and installing the new model.
    public var freezeSeconds: Double
    public var installSeconds = 0.0
    public var residentBytesBefore: Int
    /// The highest value measured between two turns.
    public var residentBytesPeak: Int
    /// Measured during the training.
    public var turns = Turns()
    /// From the call of `cancel` until the end; `nil` if it was not called.
    public var secondsToCancel: Double?
    public var stateHash: StateHash
    /// The epoch of the live model.
    public var epochBefore: UInt32?
    public var epochAfter: UInt32?

    public var peakBytesPerInteraction: Double { Double(residentBytesPeak) / Double(max(1, record.pairs)) }
  }

  /// Users who leave after many items have come that no model was trained on.
  public struct Tombstones: Sendable {
    public var count: Int
    public var newItems: Int
    /// The number of places that the engine looked at to remove the users.
    public var places = 0
    /// All turns together.
    public var seconds = 0.0
    /// One turn applies as many tombstones as the ingest loop polls at a time.
    public let turns = LatencyHistogram()
  }

  /// Durations of the turns of the engine's owner while events arrive at a steady rate.
  public final class Turns: Sendable {
    /// Applying a turn's events, solving vectors of new items, and computing lists of changed users.
    public let work = LatencyHistogram()
    /// From when the events were due until their last list, including the time that a turn waits for the previous one.
    public let delay = LatencyHistogram()

    public var count: Int { Int(work.count) }
  }
}
