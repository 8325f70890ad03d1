import RunRecords
import Telemetry

/// What records of runs have in common and where they differ. Values of several runs stand in the order of the runs.
public struct Comparison: Sendable {
  public static let runsMax = 12

  public let runs: [RunRecord]
  public let settings: [Setting]
  public let metrics: [Metric]
  public let series: [Series]
  public let data: DataAgreement

  public init(_ records: [RunRecord]) throws(ComparisonError) {
    guard !records.isEmpty else { throw .none }
    guard records.count <= Self.runsMax else { throw .tooMany(records.count) }
    for (index, record) in records.enumerated() where records[..<index].contains(where: { $0.id == record.id }) { throw .twice(record.id) }
    runs = records.map(Self.redacted)
    settings = Self.settings(of: runs)
    metrics = Self.metrics(of: runs, without: settings)
    series = Self.series(of: runs)
    data = DataAgreement(runs)
  }

  /// The short name of a run: A for the first one.
  public static func letter(_ index: Int) -> String {
    precondition(index < runsMax, "a comparison has no run \(index)")
    return String(UnicodeScalar(UInt8(ascii: "A") + UInt8(index)))
  }

  /// Records are redacted when they are written; those of other programs may not be.
  private static func redacted(_ record: RunRecord) -> RunRecord {
    var record = record
    record.settings = Dictionary(uniqueKeysWithValues: record.settings.map { ($0.key, Redaction.value($0.value, name: $0.key)) })
    record.message = record.message.map { Redaction.text($0) }
    record.command = record.command.map { Redaction.text($0) }
    for index in record.inputs.indices { record.inputs[index].path = Redaction.text(record.inputs[index].path) }
    for index in record.artifacts.indices { record.artifacts[index].location = Redaction.text(record.artifacts[index].location) }
    if let url = record.tracking?.url { record.tracking?.url = Redaction.text(url) }
    return record
  }

  /// What a reader must know before believing the numbers, as sentences.
  public var cautions: [String] {
    var found: [String] = []
    for (index, run) in runs.enumerated() where run.state != .done {
      found.append("Run \(Self.letter(index)) is not done, but \(run.state.rawValue): its figures may be missing or from midway.")
    }
    guard runs.count > 1 else { return found }
    if Set(runs.map(\.kind)).count > 1 {
      found.append("The runs are of different kinds; figures of the same name may mean different things.")
    }
    if data == .different { found.append("The runs read different data; their figures cannot be compared directly.") }
    let judged = settings.filter { !$0.isSame && Self.judging.contains($0.name) }.map(\.name)
    if !judged.isEmpty {
      found.append("The runs were judged differently (\(judged.joined(separator: ", "))); their figures cannot be compared directly.")
    }
    if Set(runs.map(\.version)).count > 1 { found.append("The runs are of different versions of the program.") }
    return found
  }

  /// Settings of an evaluation that say what is measured with, not what is measured.
  private static let judging: Set<String> = [
    "split", "test_share", "split_time", "split_seed", "target_share", "folds", "seeds", "value", "metric",
  ]
}
