import CRdKafka
import Dispatch
import StreamingRecommender
import Synchronization
import Telemetry

/// Sends blocking requests (for partitions and their first and next offsets) on a queue of its own, so that they never delay a poll.
///
/// The source takes the findings at its next poll, which the pipe wakes.
final class LogInspector: Sendable {
  struct Findings: Sendable {
    var partitionCounts: [String: Result<Int32, KafkaError>] = [:]
    var roundTripSeconds: Double?
    var watermarks: [TopicPartition: Result<ClosedRange<Int64>, KafkaError>] = [:]
    /// What the consumer group has committed.
    var committed: [TopicPartition: Int64] = [:]
    var isEmpty: Bool { partitionCounts.isEmpty && watermarks.isEmpty && committed.isEmpty }
  }
  private struct State: Sendable {
    var findings = Findings()
    var isLookingUp = false
  }

  private let client: KafkaClient
  private let wakes: WakePipe
  private let queue = DispatchQueue(label: "freshet.kafka.inspector")
  private let state = Mutex(State())
  /// Long enough for a slow broker, which may take 2 s.
  private static let timeoutMilliseconds: Int32 = 5000

  init(client: KafkaClient, wakes: WakePipe) {
    self.client = client
    self.wakes = wakes
  }

  /// Requests the partitions of the topics, and with `watermarks` also their offsets; does nothing while an earlier request runs.
  func lookUp(_ topics: [String], watermarks: Bool) {
    let mayStart = state.withLock { state in
      defer { state.isLookingUp = true }
      return !state.isLookingUp
    }
    guard mayStart else { return }
    queue.async { [self] in
      var found = Findings()
      for topic in topics {
        let began = MonotonicClock.nanoseconds()
        let count = client.partitionCount(of: topic, timeoutMilliseconds: Self.timeoutMilliseconds)
        found.partitionCounts[topic] = count
        guard case .success(let partitions) = count else { continue }
        found.roundTripSeconds = Double(MonotonicClock.nanoseconds() - began) / 1e9
        guard watermarks else { continue }
        for partition in 0..<partitions {
          let id = TopicPartition(topic: topic, partition: partition)
          found.watermarks[id] = client.watermarks(of: id, timeoutMilliseconds: Self.timeoutMilliseconds)
        }
      }
      report(found) { $0.isLookingUp = false }
    }
  }

  /// Requests the first and next offset of one partition.
  func inspect(_ partition: TopicPartition) {
    queue.async { [self] in
      var found = Findings()
      found.watermarks[partition] = client.watermarks(of: partition, timeoutMilliseconds: Self.timeoutMilliseconds)
      report(found) { _ in }
    }
  }

  /// Requests what the consumer group has committed; partitions without a commit are not reported.
  func lookUpCommitted(_ partitions: [TopicPartition]) {
    guard !partitions.isEmpty else { return }
    queue.async { [self] in
      var found = Findings()
      found.committed = client.committed(partitions, timeoutMilliseconds: Self.timeoutMilliseconds)
      report(found) { _ in }
    }
  }

  /// What was found since the last call.
  func take() -> Findings {
    state.withLock { state in
      defer { state.findings = Findings() }
      return state.findings
    }
  }

  private func report(_ found: Findings, _ change: (inout State) -> Void) {
    state.withLock { state in
      change(&state)
      state.findings.partitionCounts.merge(found.partitionCounts) { $1 }
      state.findings.watermarks.merge(found.watermarks) { $1 }
      state.findings.committed.merge(found.committed) { $1 }
      state.findings.roundTripSeconds = found.roundTripSeconds ?? state.findings.roundTripSeconds
    }
    wakes.signal(.queue)
  }
}
