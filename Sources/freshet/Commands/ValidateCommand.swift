import Datasets
import Evaluation
import Foundation
import KafkaIngest
import StreamingRecommender
import Telemetry

/// `freshet validate`: reads a file or the newest records of a topic as the other commands would, and reports what it finds.
struct ValidateCommand {
  let context: CommandContext

  init(_ context: CommandContext) { self.context = context }

  func run() throws -> ExitStatus {
    let report: ValidationReport
    switch (context.parsed.operands.first, context.options.isSet("topic")) {
    case (let file?, false): report = try validate(file: file)
    case (nil, true): report = try validateTopic()
    case (nil, false): throw CommandFailure("validate needs a file, or a topic with --topic NAME", status: .usage)
    case (_?, true): throw CommandFailure("validate checks a file or a topic: leave one of them away", status: .usage)
    }
    context.print(context.json ? report.json.text : report.text)
    return report.refusal == nil ? .done : .failed
  }

  // MARK: Files

  private func validate(file path: String) throws -> ValidationReport {
    let input = try context.loaded().configuration.input
    var reading = try context.readingOptions()
    reading.isKnownType = EventTypes.isKnown(input)
    let rejects = try context.rejects()
    let file = try InteractionFile(path: path, options: reading, rejects: rejects, refusesFindings: false)
    var report = ValidationReport(source: path, summary: file.summary(valuesAreUsed: true))
    report.findings = file.findings
    report.mapping = file.selection.map { "--columns \($0)" }
    report.proposal = file.proposal.flatMap { proposal in
      file.findings.isEmpty ? nil : "--columns \(proposal)"
    }
    if file.format == .jsonl { report.fields = RecordFields() }
    let types = EventTypes(input)
    let decoder = InteractionDecoder(input.ofFiles)
    var progress = context.progress("bytes", total: file.sizeBytes)
    while let row = try file.next() {
      switch row {
      case .columns(let columns): add(columns, types, file, to: &report)
      case .event(let bytes): add(bytes, decoder, file, to: &report)
      }
      progress.update(file.bytesRead)
    }
    progress.finish(file.bytesRead)
    try rejects?.flush()
    report.read += file.report.badLines
    for (kind, found) in file.report.kinds {
      report.rejected[kind] = ValidationReport.Reason(count: found.count, example: "\(found.first)")
    }
    if file.format == .jsonl, report.rejectedCount > 0 { report.proposal = Self.proposal(report.fields) }
    return report
  }

  private func add(_ columns: InteractionRow, _ types: EventTypes, _ file: InteractionFile, to report: inout ValidationReport) {
    if let type = columns.type {
      switch types.meaning(of: type) {
      case .event: break
      case .ignored: report.ignored["unknown_type", default: 0] += 1
      case .rejected(let reason): return file.reject(reason, kind: "bad_type")
      }
    }
    report.read += 1
    report.census.add(columns)
  }

  private func add(_ bytes: [UInt8], _ decoder: InteractionDecoder, _ file: InteractionFile, to report: inout ValidationReport) {
    report.fields?.add(bytes)
    let record = Record(offset: 0, timestampMilliseconds: nil, key: nil, value: bytes)
    let decoded = decoder.decode(record, fallbackMilliseconds: WallClock.milliseconds())
    if case .failure(let failure) = decoded { return file.reject(failure.message, kind: failure.reason.rawValue) }
    report.add(decoded)
    report.read += 1
  }

  // MARK: Topics

  private func validateTopic() throws -> ValidationReport {
    let configuration = try context.loadedForRunningEngine(using: ["kafka.bootstrap_servers"])
    guard configuration.input.topics.count == 1, let topic = configuration.input.topics.first else {
      throw CommandFailure("validate checks one topic at a time", status: .usage)
    }
    let count = context.options.int("last") ?? 10_000
    let sample: TopicSample
    do { sample = try TopicSample(topic: topic, newest: count, kafka: configuration.kafka) } catch { throw CommandFailure("\(error)") }
    guard !sample.batches.isEmpty else { throw CommandFailure("the topic \(topic) holds no records that can be read") }
    let records = sample.batches.reduce(0) { $0 + $1.records.count }
    var report = ValidationReport(
      source: topic,
      summary:
        "\(topic): the newest \(ProgressBar.count(records)) records of \(sample.partitions) partitions, read with input.* as the engine reads them"
    )
    report.fields = RecordFields()
    report.keys = ValidationReport.Keys()
    for (partition, reason) in sample.silent.sorted(by: { $0.key < $1.key }) {
      report.notes.append("partition \(partition) was not read to its end: \(reason)")
    }
    let decoder = try WaitingDecoder(configuration)
    for batch in sample.batches {
      for record in batch.records { try add(record, in: batch.source, of: sample.partitions, decoder, to: &report) }
    }
    report.notes += keyNotes(report)
    if report.rejectedCount > 0 { report.proposal = Self.proposal(report.fields) }
    return report
  }

  private func add(
    _ record: Record, in source: TopicPartition, of partitions: Int, _ decoder: WaitingDecoder, to report: inout ValidationReport
  ) throws {
    report.read += 1
    let decoded = decoder.decode(record, fallbackMilliseconds: record.timestampMilliseconds ?? WallClock.milliseconds())
    if case .waiting(let schema) = decoded { throw CommandFailure("\(schema) is needed: \(decoder.problem(with: schema))") }
    if let json = decoder.decoder.json(of: record) { report.fields?.add(json) }
    if case .failure(let failure) = decoded {
      report.reject(failure.reason.rawValue, "partition \(source.partition), offset \(record.offset): \(failure.message)")
    }
    report.add(decoded)
    countKey(of: record, decoded, source, partitions, &report)
  }

  private func countKey(
    of record: Record, _ decoded: DecodedRecord, _ source: TopicPartition, _ partitions: Int, _ report: inout ValidationReport
  ) {
    guard let key = record.key, !key.isEmpty else {
      report.keys?.without += 1
      return
    }
    if !decoded.events.isEmpty {
      if decoded.events.contains(where: \.keyMismatch) { report.keys?.ofOthers += 1 } else { report.keys?.ofUser += 1 }
    } else if case .forget = decoded {
      report.keys?.ofUser += 1
    } else if case .merge(_, _, let isMismatch) = decoded {
      if isMismatch { report.keys?.ofOthers += 1 } else { report.keys?.ofUser += 1 }
    }
    let isInPlace = KafkaPartitioner.partition(ofKey: key, partitions: partitions) == source.partition
    if isInPlace { report.keys?.inPlace += 1 } else { report.keys?.elsewhere += 1 }
  }

  private func keyNotes(_ report: ValidationReport) -> [String] {
    guard let keys = report.keys else { return [] }
    var notes: [String] = []
    if keys.without * 100 > report.read {
      notes.append("warning: records without a key go to any partition, so the order of a user's events is lost: send the user id as key")
    }
    if keys.ofOthers * 100 > report.read {
      notes.append("warning: keys are not the user ids, so a user's events are in several partitions: send the user id as key")
    }
    if keys.elsewhere * 100 > keys.inPlace + keys.elsewhere {
      notes.append(
        "warning: records are not in the partitions that Kafka's default partitioner chooses: set partitioner=murmur2_random in producers that use librdkafka, and do not add partitions to a topic in use"
      )
    }
    return notes
  }

  private static let kinds: Set<String> = ["interaction", "unstruct", "track"]

  /// The mapping that the names of the fields suggest, for a configuration file.
  private static func proposal(_ fields: RecordFields?) -> String? {
    guard let fields, !fields.places.isEmpty else { return nil }
    // A place that few records have is not that of a field which all need.
    // The kind of a record is not the type of an event.
    let common = fields.places.filter { $0.value.count * 10 > fields.records && !kinds.contains($0.value.example) }.map(\.key)
    let places = FieldProposal.places(among: common)
    guard places[.user] != nil, places[.item] != nil else { return nil }
    let names: [(InteractionField, String)] = [
      (.user, "user_id"), (.item, "item_id"), (.type, "event_type"), (.value, "event_value"), (.time, "timestamp"), (.id, "event_id"),
    ]
    var mapping = JSONValue.object([])
    for (field, name) in names {
      guard let found = places[field], let first = found.first else { continue }
      // Further places are candidates for the records that lack the first.
      let isEverywhere = fields.places[first].map { $0.count * 100 >= fields.records * 99 } ?? false
      mapping[name] = .string(isEverywhere ? first : found.prefix(4).joined(separator: " | "))
    }
    return (["input": ["fields": mapping]] as JSONValue).text
  }
}
