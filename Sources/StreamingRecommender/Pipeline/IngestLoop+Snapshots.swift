import Telemetry

// Snapshots beside the stream.
extension IngestLoop {
  func stepSnapshot() {
    let now = ports.clock.monotonicNanoseconds
    switch snapshots.step(
      now: now, interval: settings.snapshotInterval, lettersAcknowledged: ports.deadLetters.acknowledgedThrough)
    {
    case .wait: break
    case .freeze(let sequence):
      snapshots.hold(engine.snapshot(sequence: sequence), letters: ports.deadLetters.lastSequence)
    case .write(let snapshot):
      let storage = ports.storage
      snapshots.writing(
        ports.jobs.run {
          do { return .success(try storage.write(snapshot)) } catch {
            return .failure((error as? SnapshotError) ?? SnapshotError(.input("\(error)"), path: ""))
          }
        }, snapshot)
    case .ended(let snapshot, let result):
      ended(snapshot, result, now)
    }
  }

  func ended(_ snapshot: SnapshotCycle.Written, _ result: Result<SnapshotReceipt, SnapshotError>, _ now: UInt64) {
    switch result {
    case .success(let receipt):
      ports.source.commit(snapshot.offsets)
      snapshots.lastMilliseconds = ports.clock.wallMilliseconds
      metrics.snapshots.add(1, labels: ["ok"])
      metrics.snapshotBytes.set(Double(receipt.bytes))
      metrics.snapshotDuration.set(receipt.seconds)
      metrics.lastSuccessfulSnapshotTimestamp.set(Double(ports.clock.wallMilliseconds) / 1e3)
      for job in snapshot.jobs { jobs.update(job) { $0.state = .done } }
    case .failure(let error):
      metrics.snapshots.add(1, labels: ["failed"])
      log.error("\(error)")
      for job in snapshot.jobs {
        jobs.update(job) {
          $0.state = .failed
          $0.message = "\(error)"
        }
      }
    }
  }
}
