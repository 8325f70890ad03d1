import Gateway
import KafkaIngest

/// A topic as the gateway writes to it.
struct KafkaRecordSink: RecordSink {
  let producer: KafkaBatchProducer
  let topic: String

  func send(_ records: [OutgoingRecord], completion: @escaping @Sendable (RecordDelivery) -> Void) {
    producer.send(records.map { ($0.key, $0.value) }, to: topic) { outcome in
      switch outcome {
      case .delivered: completion(.delivered)
      case .refused(let why): completion(.refused(why))
      case .uncertain(let why): completion(.uncertain(why))
      }
    }
  }
}
