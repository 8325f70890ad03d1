import Evaluation
import Foundation
import KafkaIngest
import Pipeline
import StreamingRecommender
import Synchronization
import Telemetry

/// The figures of a measurement during which one retrain followed the other.
struct RetrainingFigures {
  var all: FreshnessFigures
  /// From the freeze to the durable snapshot.
  var training: FreshnessFigures
  /// From the first item vector to the removal of old ones.
  var rollout: FreshnessFigures
  var retrains: Int
}

/// When the engine was in which phase of a retrain.
private final class RetrainPhases: Sendable {
  enum Phase: Sendable { case none, training, rollout }

  private let changes = Mutex<[(at: UInt64, phase: Phase)]>([])

  func note(_ phase: Phase, at now: UInt64) {
    changes.withLock { if $0.last?.phase != phase { $0.append((now, phase)) } }
  }

  func spans(until end: UInt64) -> [Phase: [Range<UInt64>]] {
    changes.withLock { changes in
      let ends = changes.dropFirst().map(\.at) + [end]
      return Dictionary(grouping: zip(changes, ends), by: \.0.phase).mapValues { $0.map { $0.0.at..<max($0.0.at, $0.1) } }
    }
  }
}

/// An engine with a trained model, ready to be measured.
final class BenchmarkEngine {
  private let configuration: RecommenderConfiguration
  private let process: EngineProcess
  private let acknowledgements = AcknowledgedLists()
  private let load: EventLoad

  init(_ configuration: RecommenderConfiguration, _ data: EvaluationData, isEmbedded: Bool, log: Telemetry.Log, note: (String) -> Void)
    throws
  {
    self.configuration = configuration
    let split = data.interactions.count * 4 / 5
    load = EventLoad(Array(data.interactions[split...]))
    let producer = try KafkaEventProducer(kafka: configuration.kafka, pace: .bulk)
    for event in data.interactions[0..<split] {
      let value = InteractionEncoder.encode(
        user: event.user, item: event.item, operation: .set, timeMilliseconds: event.timeMilliseconds)
      try producer.produce(
        topic: configuration.input.topics[0], key: event.user, value: value, timestampMilliseconds: WallClock.milliseconds())
    }
    guard producer.flush(timeout: .seconds(60)), producer.failed == 0 else {
      throw CommandFailure("the events could not be produced: \(producer.firstFailure.map { "\($0)" } ?? "no answer in time")")
    }
    let acknowledgements = self.acknowledgements
    var options = EngineProcess.Options()
    options.membership = isEmbedded ? .direct : .group
    options.onAcknowledged = { acknowledgements.add($0) }
    process = try EngineProcess(configuration, options: options, log: log)
    process.start()
    guard process.wait(atMost: .seconds(300), until: { $0.visibleEpoch != nil && $0.rollout == nil && $0.lagRecords == 0 }) else {
      throw CommandFailure(
        "the first model did not appear: \(process.status.current.source.problem ?? process.status.current.publisher.problem ?? "no reason known")"
      )
    }
  }

  func measure(rate: Double, seconds: Double, warmUp: Double, pace: KafkaProperties.Pace) throws -> FreshnessFigures {
    try load.run(configuration, pace: pace, rate: rate, seconds: seconds, warmUp: warmUp, acknowledgements: acknowledgements).figures
  }

  /// The figures while one retrain follows the other, as a whole and by phase.
  func measureRetraining(rate: Double, seconds: Double, warmUp: Double, pace: KafkaProperties.Pace) throws -> RetrainingFigures {
    let epochBefore = process.status.current.epoch ?? 0
    let stop = StopFlag()
    let phases = RetrainPhases()
    let process = self.process
    Thread.detachNewThread {
      while !stop.isSet {
        phases.note(Self.phase(of: process), at: MonotonicClock.nanoseconds())
        _ = process.requestRetrain()
        usleep(5_000)
      }
    }
    defer { stop.set() }
    let samples = try load.run(
      configuration, pace: pace, rate: rate, seconds: seconds, warmUp: warmUp, acknowledgements: acknowledgements)
    let spans = phases.spans(until: MonotonicClock.nanoseconds())
    return RetrainingFigures(
      all: samples.figures, training: samples.figures(in: spans[.training] ?? []), rollout: samples.figures(in: spans[.rollout] ?? []),
      retrains: Int((process.status.current.epoch ?? 0) - epochBefore))
  }

  private static func phase(of process: EngineProcess) -> RetrainPhases.Phase {
    guard let job = process.jobs.running(.retrain) else { return process.status.current.rollout == nil ? .none : .rollout }
    return ["publish", "lists"].contains(job.phase) ? .rollout : .training
  }

  func stop() { _ = process.stop() }
}
