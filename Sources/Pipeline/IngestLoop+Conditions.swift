import StreamingRecommender
import Telemetry

// What the loop tells an operator: lines about records, and conditions that begin and end.
extension IngestLoop {
  /// One line per kind of record that cannot be used, changes nothing or has a wrong key; see `RecordTally.lineEvery`.
  func noteExamples(_ update: EngineUpdate) {
    let lines = tally.note(update, now: ports.clock.monotonicNanoseconds) { engine.decoder.typeName(of: $0) }
    for line in lines {
      let sentence: String
      var level = LogLevel.warning
      switch line.kind {
      case .rejected: sentence = "a record cannot be used: \(line.reason)"
      case .ignored:
        sentence = "a record is ignored: \(line.reason)"
        if line.reason != IgnoreReason.unknownType.rawValue { level = .info }
      case .keyMismatch: sentence = "a record has a key that is not the user of its event"
      }
      let example = line.example
      log.write(
        level, sentence,
        [
          "reason": line.reason, "count": line.count, "message": example.message, "source": "\(example.source)", "offset": example.offset,
        ], repetition: .always)
    }
  }

  /// Puts the conditions into the status, and writes a line for each that began or ended.
  func noteConditions(_ status: inout EngineStatus) {
    let found = status.foundConditions(lagSecondsMax: settings.readyLagMax.milliseconds / 1e3)
    let (current, changes) = conditions.update(found, now: EngineInstant(ports.clock))
    status.conditions = current
    for change in changes {
      switch change {
      case .began(let condition):
        log.write(
          condition.name == .engine ? .error : .warning, "\(condition.name.rawValue): \(condition.message)",
          ["condition": condition.name.rawValue, "severity": condition.severity.rawValue])
      case .ended(let condition):
        let subject = condition.subject.isEmpty ? "" : " (\(condition.subject))"
        log.info("\(condition.name.rawValue)\(subject) is right again", ["condition": condition.name.rawValue])
      }
    }
  }
}
