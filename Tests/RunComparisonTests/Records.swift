import RunRecords
import Telemetry

/// A record with a result, at a time of its own.
func makeRun(_ number: UInt32 = 0, kind: String = "train", _ result: JSONValue = [:], settings: [String: String] = [:]) -> RunRecord {
  let time = 1_764_000_000_000 + Int64(number) * 1000
  var record = RunRecord(id: RunID(startedAtMilliseconds: time, kind: kind, random: number), kind: kind, startedAtMilliseconds: time)
  record.state = .done
  record.endedAtMilliseconds = time + 1500
  record.result = result
  record.settings = settings
  return record
}
