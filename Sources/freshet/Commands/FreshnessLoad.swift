import Foundation
import KafkaIngest
import Pipeline
import RedisPublishing
import StreamingRecommender
import Synchronization
import Telemetry

/// Percentiles of one measurement, in milliseconds.
struct FreshnessFigures: Sendable {
  var events = 0
  var lost = 0
  var p50 = 0.0, p90 = 0.0, p99 = 0.0, p999 = 0.0, max = 0.0
  var achievedRate = 0.0
  var retrains = 0

  init(nanoseconds: some Sequence<UInt64>, lost: Int, seconds: Double) {
    let sorted = nanoseconds.sorted()
    func quantile(_ q: Double) -> Double {
      sorted.isEmpty ? 0 : Double(sorted[min(sorted.count - 1, Int(Double(sorted.count) * q))]) / 1e6
    }
    events = sorted.count + lost
    self.lost = lost
    (p50, p90, p99, p999) = (quantile(0.5), quantile(0.9), quantile(0.99), quantile(0.999))
    max = Double(sorted.last ?? 0) / 1e6
    achievedRate = Double(events) / seconds
  }
}

/// When each event of one measurement was due, and how long after that its list was acknowledged, in monotonic nanoseconds.
struct FreshnessSamples: Sendable {
  var waits: [(due: UInt64, wait: UInt64)] = []
  var lost = 0
  var seconds: Double

  var figures: FreshnessFigures { FreshnessFigures(nanoseconds: waits.lazy.map(\.wait), lost: lost, seconds: seconds) }

  /// The figures of the events that were due in these spans.
  func figures(in spans: [Range<UInt64>]) -> FreshnessFigures {
    let chosen = waits.filter { sample in spans.contains { $0.contains(sample.due) } }
    let seconds = spans.reduce(0) { $0 + Double($1.count) / 1e9 }
    return FreshnessFigures(nanoseconds: chosen.lazy.map(\.wait), lost: 0, seconds: max(seconds, 1e-9))
  }
}

/// Records when the list of each user was acknowledged; written on the publisher's thread.
final class AcknowledgedLists: Sendable {
  private let lists = Mutex<[Identifier: [(partition: Int32, offset: Int64, at: UInt64)]]>([:])

  func add(_ user: AcknowledgedUser) {
    lists.withLock { $0[user.user, default: []].append((user.partition, user.offset, user.atNanoseconds)) }
  }

  /// Returns when the first list of this user that covers the offset was acknowledged.
  func covered(_ user: Identifier, _ partition: Int32, _ offset: Int64) -> UInt64? {
    lists.withLock { lists in
      lists[user]?.first { $0.partition == partition && $0.offset >= offset }?.at
    }
  }

  func clear() { lists.withLock { $0 = [:] } }
}

/// Produces events at a fixed rate and matches each with the list that covers it.
struct EventLoad {
  private let interactions: [Interaction]

  init(_ interactions: [Interaction]) { self.interactions = interactions }

  func run(
    _ configuration: RecommenderConfiguration, pace: KafkaProperties.Pace, rate: Double, seconds: Double, warmUp: Double,
    acknowledgements: AcknowledgedLists
  ) throws -> FreshnessSamples {
    acknowledgements.clear()
    let count = Int((seconds + warmUp) * rate)
    var due = [UInt64](repeating: 0, count: count)
    var places = [(partition: Int32, offset: Int64)?](repeating: nil, count: count)
    let delivered = Deliveries()
    let producer = try KafkaEventProducer(kafka: configuration.kafka, pace: pace) { delivery in
      if delivery.error == nil { delivered.all.append((Int(delivery.index), delivery.partition, delivery.offset)) }
    }
    var schedule = Schedule(rate: rate, speedup: nil)
    let now = WallClock.milliseconds()
    for index in 0..<count {
      let event = interactions[index % interactions.count]
      let value = InteractionEncoder.encode(user: event.user, item: event.item, operation: .set, timeMilliseconds: now)
      due[index] = schedule.next(timeMilliseconds: nil) ?? MonotonicClock.nanoseconds()
      while MonotonicClock.nanoseconds() < due[index] {
        let left = due[index] - min(due[index], MonotonicClock.nanoseconds())
        if left > 1_500_000 { producer.serve(timeout: .milliseconds(1)) } else { usleep(UInt32(left / 1000) + 1) }
      }
      try producer.produce(
        topic: configuration.input.topics[0], key: event.user, value: value, timestampMilliseconds: WallClock.milliseconds(),
        index: UInt64(index))
    }
    _ = producer.flush(timeout: .seconds(30))
    for delivery in delivered.all { places[delivery.index] = (delivery.partition, delivery.offset) }
    return join(due, places, from: Int(warmUp * rate), acknowledgements, seconds)
  }

  private func join(
    _ due: [UInt64], _ places: [(partition: Int32, offset: Int64)?], from first: Int, _ acknowledgements: AcknowledgedLists,
    _ seconds: Double
  ) -> FreshnessSamples {
    var samples = FreshnessSamples(seconds: seconds)
    let deadline = MonotonicClock.nanoseconds() + 10_000_000_000
    for index in first..<due.count {
      guard let place = places[index] else {
        samples.lost += 1
        continue
      }
      let user = Identifier(interactions[index % interactions.count].user)
      var at = acknowledgements.covered(user, place.partition, place.offset)
      while at == nil, MonotonicClock.nanoseconds() < deadline {
        usleep(5_000)
        at = acknowledgements.covered(user, place.partition, place.offset)
      }
      if let at { samples.waits.append((due[index], at - min(at, due[index]))) } else { samples.lost += 1 }
    }
    return samples
  }

  /// Written by the producer's callback, which is called on this thread.
  private final class Deliveries {
    var all: [(index: Int, partition: Int32, offset: Int64)] = []
  }
}
