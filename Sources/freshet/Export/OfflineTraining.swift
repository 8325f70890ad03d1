import StreamingRecommender
import Telemetry

extension RecommenderEngine {
  /// Trains the first model of an engine that nobody is served by, and waits for it.
  mutating func trainOffline(threads: Int) throws -> RetrainRecord {
    let job = makeTrainingJob(id: "build", reason: .requested, nowMilliseconds: WallClock.milliseconds())
    let result = job.run(threads: threads, monitor: TrainingMonitor())
    guard let trained = result.trained else {
      throw CommandFailure("no model was trained: \(result.record.message ?? "no reason was given")")
    }
    adopt(trained)
    installPending()
    return result.record
  }
}
