import CRdKafka
import StreamingRecommender
import Telemetry

/// The newest records of a topic, read without a consumer group, so that no position changes.
public struct TopicSample: Sendable {
  public private(set) var partitions: Int
  /// Per partition, oldest first.
  public private(set) var batches: [RecordBatch] = []
  /// The number of records that the topic holds (offsets between the first and the next one).
  public private(set) var held: Int64 = 0
  /// Partitions of which nothing was read in time, with the reason.
  public private(set) var silent: [Int32: String] = [:]

  private static let timeoutMilliseconds: Int32 = 10_000
  /// How long a partition may stay without an answer.
  private static let patience = Duration.seconds(15)

  /// Reads the newest `count` records, as many of each partition as there are, if they are spread evenly.
  ///
  /// - Parameter sizeMax: the most bytes that are kept.
  /// - Throws: `KafkaError`.
  public init(
    topic: String, newest count: Int, kafka: RecommenderConfiguration.Kafka, sizeMax: Int = 256 << 20, log: Log = .disabled
  ) throws(KafkaError) {
    var properties = try KafkaProperties.consumer(kafka, instance: "validate", membership: .direct)
    // Reading whole batches at once is faster here, and nothing depends on how soon the first record comes.
    properties.values["fetch.message.max.bytes"] = "1048576"
    properties.values["fetch.max.bytes"] = "8388608"
    let client = try KafkaClient(RD_KAFKA_CONSUMER, properties: properties, callbacks: KafkaCallbacks(log: log))
    client.redirectMainQueue()
    partitions = Int(try client.partitionCount(of: topic, timeoutMilliseconds: Self.timeoutMilliseconds).get())
    var ends: [TopicPartition: ClosedRange<Int64>] = [:]
    for partition in 0..<Int32(partitions) {
      let id = TopicPartition(topic: topic, partition: partition)
      let range = try client.watermarks(of: id, timeoutMilliseconds: Self.timeoutMilliseconds).get()
      held += range.upperBound - range.lowerBound
      if !range.isEmpty, range.upperBound > range.lowerBound { ends[id] = range }
    }
    let starts = Self.starts(ends.mapValues { $0.upperBound - $0.lowerBound }, newest: count)
    try read(client, ends, starts, sizeMax)
  }

  /// How many records are taken of each partition: the same of each, and more of others where one has fewer.
  static func starts(_ lengths: [TopicPartition: Int64], newest count: Int) -> [TopicPartition: Int64] {
    var taken: [TopicPartition: Int64] = [:]
    var left = Int64(count)
    let ordered = lengths.sorted { ($0.value, $0.key) < ($1.value, $1.key) }
    for (index, entry) in ordered.enumerated() {
      taken[entry.key] = min(entry.value, (left + Int64(ordered.count - index) - 1) / Int64(ordered.count - index))
      left -= taken[entry.key] ?? 0
    }
    return taken
  }

  private mutating func read(
    _ client: KafkaClient, _ ends: [TopicPartition: ClosedRange<Int64>], _ counts: [TopicPartition: Int64], _ sizeMax: Int
  ) throws(KafkaError) {
    let list = PartitionList()
    var records: [TopicPartition: [Record]] = [:]
    var open: Set<TopicPartition> = []
    for (partition, range) in ends {
      guard let count = counts[partition], count > 0 else { continue }
      list.append(partition, offset: range.upperBound - count)
      open.insert(partition)
    }
    guard !open.isEmpty else { return }
    let code = client.assign(list.pointer)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(code) }
    defer { _ = client.assign(nil) }
    var bytes = 0
    var lastNews = ContinuousClock.now
    var problem: KafkaError?
    while !open.isEmpty, bytes < sizeMax, ContinuousClock.now - lastNews < Self.patience {
      guard let message = client.nextMessage(timeoutMilliseconds: 200) else { continue }
      guard let partition = message.topicPartition else {
        problem = KafkaError(message.code, message.reason)
        continue
      }
      switch message.code {
      case RD_KAFKA_RESP_ERR_NO_ERROR:
        let record = message.record()
        bytes += record.bytes
        records[partition, default: []].append(record)
        // What comes later, while this reads, is not waited for.
        if record.offset + 1 >= ends[partition]?.upperBound ?? 0 { open.remove(partition) }
      case RD_KAFKA_RESP_ERR__PARTITION_EOF: open.remove(partition)
      default:
        problem = KafkaError(message.code, message.reason)
        continue
      }
      lastNews = .now
    }
    if records.isEmpty, let problem { throw problem }
    for partition in open {
      silent[partition.partition] = problem?.description ?? (bytes >= sizeMax ? "enough was read before" : "no answer")
    }
    batches = records.sorted { $0.key < $1.key }.map { RecordBatch(source: $0.key, records: $0.value) }
  }
}
