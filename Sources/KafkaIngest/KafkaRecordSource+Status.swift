import CRdKafka
import Pipeline
import StreamingRecommender
import Telemetry

extension KafkaRecordSource {
  public var status: SourceStatus {
    var status = known
    status.assigned = Set(readers.map(\.id))
    let now = MonotonicClock.nanoseconds()
    for reader in readers {
      let high = client.cachedHighWatermark(of: reader.id)
      let transaction = reader.transaction(highWatermark: high, now: now)
      if let transaction { status.openTransactions[reader.id] = transaction }
      status.lagRecords[reader.id] = transaction == nil ? reader.lag(highWatermark: high) : 0
      if case .halted(let advice) = reader.state { status.halted[reader.id] = advice }
    }
    let isReading = status.holdsEverything && status.lagRecords.count == status.assigned.count
    status.problem = problem(status.halted, isReading: isReading, now)
    return status
  }

  /// The worst first: what hides behind it shows when it is gone.
  private func problem(_ halted: [TopicPartition: String], isReading: Bool, _ now: UInt64) -> String? {
    if let fatal = client.fatalError { return fatal.description }
    if let connectionProblem { return connectionProblem }
    // librdkafka repeats a failure to connect every 30 s; where everything is read, a single broker that is away matters to nobody.
    let unreachable = isReading ? [:] : self.unreachable.filter { now - min(now, $0.value.at) < 45_000_000_000 }
    if let (_, found) = unreachable.min(by: { $0.key < $1.key }) { return found.sentence }
    if !missingTopics.isEmpty {
      return "topic \(missingTopics.sorted().joined(separator: ", ")) does not exist: create it with `freshet topics create`"
    }
    if let (partition, advice) = halted.min(by: { $0.key < $1.key }) { return "\(partition) is halted: \(advice)" }
    return otherProblem
  }
}

// MARK: - What brokers and librdkafka tell

extension KafkaRecordSource {
  private static let lookUpIntervalHealthy: UInt64 = 10_000_000_000
  private static let lookUpIntervalTroubled: UInt64 = 1_000_000_000

  func lookUp() {
    // Asking for the ends first makes the leaders known: the first record then comes in 3 ms instead of 500.
    inspector.lookUp(topics, watermarks: membership == .direct && !isAssignedDirectly)
    let isHealthy = known.isUp && missingTopics.isEmpty
    nextLookUp = MonotonicClock.nanoseconds() + (isHealthy ? Self.lookUpIntervalHealthy : Self.lookUpIntervalTroubled)
  }

  func takeFindings() {
    inspectAgainWhereDue()
    let findings = inspector.take()
    guard !findings.isEmpty else { return }
    known.brokerRoundTripSeconds = findings.roundTripSeconds ?? known.brokerRoundTripSeconds
    known.committed.merge(findings.committed) { old, _ in old }
    if !findings.partitionCounts.isEmpty { takePartitionCounts(findings.partitionCounts) }
    if membership == .direct, !isAssignedDirectly, missingTopics.isEmpty, Set(known.all.map(\.topic)) == Set(topics) {
      assignDirectly()
    }
    for reader in readers {
      if let answer = findings.watermarks[reader.id] { takeWatermarks(answer, of: reader) }
    }
    reassignIfNeeded()
  }

  private func takePartitionCounts(_ counts: [String: Result<Int32, KafkaError>]) {
    let wereMissing = missingTopics
    // Comes back with the next error if it still holds.
    if counts.values.allSatisfy({ (try? $0.get()) != nil }) { otherProblem = nil }
    for (topic, answer) in counts.sorted(by: { $0.key < $1.key }) {
      switch answer {
      case .success(let count):
        missingTopics.remove(topic)
        verifySuspended { $0.topic == topic }
        let others = known.all.filter { $0.topic != topic }
        known.all = others.union((0..<count).map { TopicPartition(topic: topic, partition: $0) })
        noteAnswer()
      case .failure(let error) where error.name == "UNKNOWN_TOPIC_OR_PART" || error.name == "_UNKNOWN_TOPIC":
        missingTopics.insert(topic)
        suspendForVerification { $0.topic == topic }
        known.all = known.all.filter { $0.topic != topic }
        noteAnswer()
      case .failure(let error) where error.name == "_TRANSPORT": noteBrokersAway(error.description)
      case .failure(let error): otherProblem = error.description
      }
    }
    if !missingTopics.isEmpty, missingTopics != wereMissing {
      log.warning("a topic does not exist; waiting for it: create it with `freshet topics create`", ["topic": "\(missingTopics.sorted())"])
    }
  }

  /// A broker answered.
  func noteAnswer() {
    if connectionProblem != nil { log.info("Kafka is reachable again", ["address": client.bootstrapServers]) }
    known.isUp = true
    connectionProblem = nil
  }

  private func noteBrokersAway(_ sentence: String) {
    known.isUp = false
    // A refused password or certificate looks like an absent broker; that reason is the better one.
    guard connectionProblem == nil else { return }
    connectionProblem = sentence
    log.warning(sentence)
    // Topics may be another when brokers come back; the fetch starts as soon as they do.
    suspendForVerification()
    verifySuspended()
  }

  /// A broker that answers names the addresses of all, and one of these does not work from here.
  private func noteUnreachable(_ code: rd_kafka_resp_err_t, _ reason: String) {
    guard let address = Self.address(in: reason), !client.bootstrapServers.split(separator: ",").contains(Substring(address)) else {
      return
    }
    let sentence: String
    if code == RD_KAFKA_RESP_ERR__RESOLVE {
      sentence =
        "a broker says that it is reached at \(address), and that name does not resolve here: correct advertised.listeners of the broker, or "
        + "make the name known on this machine"
    } else if reason.contains("Connect to ") {
      sentence =
        "the broker at \(address), as the cluster names it, cannot be reached from here: is it running, and is its advertised.listeners right "
        + "for this machine?"
    } else {
      return
    }
    if unreachable[address]?.sentence != sentence { log.warning(sentence, ["address": address, "err": reason]) }
    unreachable[address] = (sentence, MonotonicClock.nanoseconds())
  }

  /// The broker of a message such as `kafka-1:9092/1: Failed to resolve ...`.
  static func address(in reason: String) -> String? {
    reason.firstMatch(of: /(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\]):[0-9]+/).map { String($0.output) }
  }

  func noteError(_ code: rd_kafka_resp_err_t, _ reason: String) {
    known.errors[KafkaError.name(of: code), default: 0] += 1
    log.debug("Kafka reports an error", ["code": KafkaError.name(of: code), "err": reason])
    switch code {
    case RD_KAFKA_RESP_ERR__FATAL:
      guard let error = client.fatalError else { return }
      events.append(error.isFenced ? .displaced(error.description) : .fatal(error.description))
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
      noteBrokersAway(KafkaError.noBrokerSentence(client.bootstrapServers))
      nextLookUp = 0
    case RD_KAFKA_RESP_ERR__RESOLVE, RD_KAFKA_RESP_ERR__TRANSPORT: noteUnreachable(code, reason)
    case RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, RD_KAFKA_RESP_ERR__SSL:
      known.isUp = false
      let sentence = KafkaError(code, reason).description
      if connectionProblem != sentence { log.warning(sentence) }
      connectionProblem = sentence
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      suspendForVerification()
      nextLookUp = 0
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
      otherProblem = KafkaError(code, reason).description
    default: return
    }
  }

  func noteCommit(_ code: rd_kafka_resp_err_t) {
    guard code != RD_KAFKA_RESP_ERR_NO_ERROR, code != RD_KAFKA_RESP_ERR__NO_OFFSET else { return }
    known.errors[KafkaError.name(of: code), default: 0] += 1
    log.debug("a commit failed; the snapshot decides, not the broker", ["err": String(cString: rd_kafka_err2str(code))])
  }
}
