import ServingFormats
import StreamingRecommender

/// What is done about models beside trainings: the live one is kept for a rollback, the shadow is trained, the drift is measured.
struct ModelDesk {
  struct Running<Output: Sendable> {
    let handle: JobHandle<Output>
    let monitor: TrainingMonitor
    /// The live epoch when it began.
    let epoch: UInt32
  }

  /// The epoch that was written last, or is being written.
  var keptEpoch: UInt32?
  /// Whether it could be written; `nil` if nothing is being written.
  var keeping: JobHandle<Bool>?
  /// Not before this time is it tried again.
  var keepAgainAt: UInt64 = 0
  var shadow: Running<ShadowModel?>?
  /// Whether the shadow was chosen while a model was made, and must be chosen again afterwards.
  var setsShadowAgain = false
  /// The live epoch after which the shadow was trained last.
  var shadowEpoch: UInt32?
  var measurement: Running<ChurnReport?>?
  /// The last measurement of the drift, and of which live epoch.
  var drift: (report: ChurnReport, epoch: UInt32)?
  /// The counts of events in fixed windows that are being put together, and when the last ones were.
  var trending: JobHandle<TrendingBlob>?
  var trendingAt: (nanoseconds: UInt64, events: UInt64)?
  /// The last search for similar users.
  var similarUsers: JobHandle<Void>?
  private var measuredAt: UInt64 = 0
  private var measuredEpoch: UInt32?

  var isBusy: Bool { shadow != nil || measurement != nil }

  /// Whether the drift should be measured now, counted from the last measurement or the installation of the model.
  mutating func isDriftDue(_ epoch: UInt32, every interval: Duration, now: UInt64) -> Bool {
    // A model that was just installed has not drifted.
    if measuredEpoch != epoch { (measuredEpoch, measuredAt) = (epoch, now) }
    guard now - measuredAt >= interval.nanoseconds else { return false }
    measuredAt = now
    return true
  }

  /// The drift of the live model as measured last.
  func drift(of epoch: UInt32?) -> Double? { drift.flatMap { $0.epoch == epoch ? $0.report.drift : nil } }

  /// A training of the live model has the cores to itself, and answers what the drift asks.
  mutating func makeWay() {
    cancel()
    drift = nil
  }

  func cancel() {
    shadow?.monitor.cancel()
    measurement?.monitor.cancel()
  }
}
