import Foundation
import KafkaIngest
import Pipeline
import RedisPublishing
import StreamingRecommender
import Synchronization
import Telemetry

/// A flag that is set once to stop a thread.
final class StopFlag: Sendable {
  private let flag = Atomic<Bool>(false)
  var isSet: Bool { flag.load(ordering: .relaxed) }
  func set() { flag.store(true, ordering: .relaxed) }
}

/// Measures the lower bound: relays records from the broker to Redis without a model, one SET of a typical list per record.
///
/// Sendable because its source and publisher belong to its thread from `init` to the end of `stop`.
final class FloorRelay: @unchecked Sendable {
  let acknowledgements = AcknowledgedLists()
  private let source: KafkaRecordSource
  private let publisher: RedisRecommendationPublisher
  private let flag = StopFlag()
  private let ended = DispatchSemaphore(value: 0)

  init(_ configuration: RecommenderConfiguration, log: Telemetry.Log) throws {
    let acknowledgements = self.acknowledgements
    source = try KafkaRecordSource(configuration: configuration, membership: .direct, log: log)
    let wake = source.waker
    publisher = try RedisRecommendationPublisher(
      redis: configuration.redis, publish: configuration.publish, instance: "floor", log: log,
      onAcknowledged: { acknowledgements.add($0) }, onProgress: wake)
    let items = (0..<20).map { RecommendedItem(item: "item\(10_000 + $0)", score: 1 / Float($0 + 3)) }
    source.start(at: PartitionOffsets())
    let thread = Thread { [self] in
      var ticket: UInt64 = 0
      var waiting: [(partition: Int32, record: Record)] = []
      while !flag.isSet {
        let batch = source.poll(max: 1000, timeout: waiting.isEmpty ? .milliseconds(20) : .milliseconds(1))
        for part in batch.parts { waiting += part.records.map { (part.source.partition, $0) } }
        _ = publisher.acknowledged()
        let taken = waiting.prefix(publisher.room)
        guard !taken.isEmpty else { continue }
        waiting.removeFirst(taken.count)
        ticket += 1
        publisher.submit(taken.map { command($0.partition, $0.record, items) }, ticket: ticket)
      }
      source.close()
      publisher.close()
      ended.signal()
    }
    thread.qualityOfService = .userInteractive
    thread.start()
  }

  private func command(_ partition: Int32, _ record: Record, _ items: [RecommendedItem]) -> PublishCommand {
    .user(
      UserRecommendations(
        user: Identifier(record.key ?? []),
        list: RecommendationList(
          epoch: 1, source: .foldin, partition: partition, offset: record.offset,
          madeAtMilliseconds: WallClock.milliseconds(), items: items),
        factors: nil))
  }

  func stop() {
    flag.set()
    source.wake()
    ended.wait()
  }
}
