import Foundation
import KafkaIngest
import Pipeline
import StreamingRecommender
import Telemetry

/// What `freshet doctor` finds out about a cluster and its topics.
struct KafkaDoctor {
  let configuration: RecommenderConfiguration
  private static let sampleOfPartition: Int64 = 200
  private static let sampleWait = Duration.seconds(5)

  init(_ configuration: RecommenderConfiguration) { self.configuration = configuration }

  func findings() -> [DoctorFinding] {
    do {
      let inspection = try ClusterInspection(configuration.kafka)
      let topics = configuration.input.topics
      let letters = topics.map { configuration.kafka.deadLetterTopic(of: $0) }
      let metadata = try inspection.metadata(topics + letters)
      var findings = [DoctorFinding("kafka", .ok, "a broker answers at \(configuration.kafka.bootstrapServers)")]
      let unreachable = metadata.brokers.compactMap(fault(of:))
      findings += unreachable
      findings += missing(topics, letters, metadata)
      for topic in topics where metadata.topics[topic] != nil { findings += Diagnosis.topicSettings(topic, inspection.settings(of: topic)) }
      let partitions = topics.flatMap { metadata.topics[$0] ?? [] }
      for partition in partitions where !partition.hasLeader {
        findings.append(
          DoctorFinding(
            "partition", .error,
            "\(partition.id) has no leader, so it cannot be read: start the brokers that hold it (kafka-topics --describe)"))
      }
      guard unreachable.isEmpty else { return findings }
      let readable = partitions.filter(\.hasLeader).map(\.id)
      let ends = Dictionary(uniqueKeysWithValues: readable.compactMap { id in inspection.ends(of: id).map { (id, $0) } })
      findings += transactions(ends, inspection)
      findings += [offsets(inspection.committed(readable))].compactMap(\.self)
      return findings + Diagnosis.sample(try sample(ends, metadata))
    } catch { return [DoctorFinding("kafka", .error, "\(error)")] }
  }

  // MARK: Brokers and topics

  private func fault(of broker: ClusterInspection.Broker) -> DoctorFinding? {
    let address = "\(broker.host):\(broker.port)"
    switch Reachability.check(host: broker.host, port: broker.port) {
    case .reachable: return nil
    case .unresolved:
      return DoctorFinding(
        "broker", .error,
        "broker \(broker.id) says that it is reached at \(address), and that name does not resolve here: correct advertised.listeners of the "
          + "broker, or make the name known on this machine")
    case .refused(let why):
      return DoctorFinding(
        "broker", .error,
        "broker \(broker.id), which says that it is reached at \(address), cannot be reached from here (\(why)): is it running, and is its "
          + "advertised.listeners right for this machine?")
    }
  }

  private func missing(_ topics: [String], _ letters: [String], _ metadata: ClusterInspection.Metadata) -> [DoctorFinding] {
    var findings: [DoctorFinding] = []
    for (topic, letter) in zip(topics, letters) {
      guard let partitions = metadata.topics[topic]?.count else {
        findings.append(DoctorFinding("topic", .error, "\(topic) does not exist: create it with freshet topics create"))
        continue
      }
      findings.append(DoctorFinding("topic", .ok, "\(topic) has \(partitions) partitions"))
      let lettersCount = metadata.topics[letter]?.count
      if configuration.input.onError == .dlq, lettersCount == nil {
        findings.append(
          DoctorFinding(
            "topic", .error,
            "\(letter) does not exist, so a partition with many bad records stops: create it with freshet topics create, or set input.on_error=skip"
          ))
      } else if let lettersCount, lettersCount < partitions {
        findings.append(
          DoctorFinding("topic", .warning, "\(letter) has only \(lettersCount) partitions: give it \(partitions) with kafka-topics --alter")
        )
      }
    }
    return findings
  }

  // MARK: Offsets

  private func transactions(_ first: [TopicPartition: ClusterInspection.Ends], _ inspection: ClusterInspection) -> [DoctorFinding] {
    let suspects = first.filter { $0.value.stable < $0.value.end }
    guard !suspects.isEmpty else { return [] }
    // A producer that commits would have done so by then.
    MonotonicClock.sleep(for: .seconds(3))
    return suspects.sorted { $0.key < $1.key }.compactMap { partition, ends in
      guard let now = inspection.ends(of: partition), now.stable == ends.stable, now.stable < now.end else { return nil }
      return DoctorFinding(
        "transaction", .warning,
        "an open transaction holds back \(partition) from offset \(now.stable) on (the log ends at \(now.end)): end it with kafka-transactions "
          + "--abort, or wait for transaction.timeout.ms of its producer")
    }
  }

  private func offsets(_ committed: [TopicPartition: Int64]) -> DoctorFinding? {
    let directory = SnapshotDirectory(path: configuration.snapshot.directory, keep: configuration.snapshot.keep, synchronizes: false)
    guard let snapshot = try? directory.newest(for: configuration).snapshot else { return nil }
    return Diagnosis.offsets(
      committed.sorted { $0.key < $1.key }.map { Diagnosis.TopicOffset(partition: "\($0.key)", offset: $0.value) },
      snapshot: Dictionary(uniqueKeysWithValues: snapshot.offsets.next.map { ("\($0.key)", $0.value) }))
  }

  // MARK: Records

  /// The newest records of each partition, read without the group.
  private func sample(
    _ ends: [TopicPartition: ClusterInspection.Ends], _ metadata: ClusterInspection.Metadata
  ) throws -> Diagnosis.Sample {
    var sample = Diagnosis.Sample()
    var left = ends.filter { $0.value.stable > $0.value.first }
    guard !left.isEmpty else { return sample }
    let source = try KafkaRecordSource(configuration: configuration, membership: .direct)
    defer { source.close(timeout: .seconds(1)) }
    source.start(at: PartitionOffsets(ends.mapValues { max($0.first, $0.stable - Self.sampleOfPartition) }))
    let decoder = try WaitingDecoder(configuration)
    let deadline = MonotonicClock.nanoseconds() + Self.sampleWait.nanoseconds
    while !left.isEmpty, MonotonicClock.nanoseconds() < deadline {
      for batch in source.poll(max: 2048, timeout: .milliseconds(100)).parts {
        let partitions = metadata.topics[batch.source.topic]?.count ?? 1
        for record in batch.records { judge(record, batch.source, partitions, decoder, &sample) }
        if let last = batch.records.last, let end = left[batch.source]?.stable, last.offset + 1 >= end { left[batch.source] = nil }
      }
      // Behind the last record there may be markers of transactions, which are never delivered.
      for (partition, lag) in source.status.lagRecords where lag == 0 { left[partition] = nil }
    }
    return sample
  }

  private func judge(
    _ record: Record, _ source: TopicPartition, _ partitions: Int, _ decoder: WaitingDecoder, _ sample: inout Diagnosis.Sample
  ) {
    sample.records += 1
    if let key = record.key {
      if KafkaPartitioner.partition(ofKey: key, partitions: partitions) != source.partition { sample.wrongPartition += 1 }
    } else {
      sample.withoutKey += 1
    }
    switch decoder.decode(record, fallbackMilliseconds: 0) {
    case .interaction(_, _, let keyMismatch): if keyMismatch { sample.wrongKey += 1 }
    case .ignored(.unknownType): sample.unknownType += 1
    case .failure(let failure): sample.rejected[failure.reason.rawValue, default: 0] += 1
    case .waiting: sample.waiting += 1
    default: break
    }
  }
}

/// Whether a connection to a host can be made.
enum Reachability: Equatable {
  case reachable
  case unresolved
  case refused(String)

  private static let timeoutSeconds = 2

  static func check(host: String, port: Int32) -> Reachability {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var found: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(host, "\(port)", &hints, &found) == 0, let first = found else { return .unresolved }
    defer { freeaddrinfo(first) }
    var why = "no address"
    for address in sequence(first: first, next: { $0.pointee.ai_next }) {
      let descriptor = socket(address.pointee.ai_family, address.pointee.ai_socktype, 0)
      guard descriptor >= 0 else { continue }
      defer { close(descriptor) }
      // On Linux this also bounds how long `connect` waits.
      var patience = timeval(tv_sec: timeoutSeconds, tv_usec: 0)
      setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
      if connect(descriptor, address.pointee.ai_addr, address.pointee.ai_addrlen) == 0 { return .reachable }
      why = errno == EINPROGRESS || errno == EAGAIN ? "no answer within \(timeoutSeconds) s" : String(cString: strerror(errno))
    }
    return .refused(why)
  }
}
