import HTTPServing
import OperatorConsole
import Telemetry

extension ConsoleMonitor {
  /// What the audit log calls a change, in words; the others are shown as they are.
  private static let words = [
    "retrain.start": "A retrain was requested", "snapshot.start": "A snapshot was requested",
    "rollback.start": "A rollback was requested", "promotion.start": "The promotion of the shadow model was requested",
    "retrain.resume": "Retrains were resumed", "republish": "Everything is written to Redis again, by request",
    "job.cancel": "The cancellation of a retrain was requested",
  ]

  /// An audit log of which every entry is also in the activity.
  func auditLog(_ log: Log) -> AuditLog {
    AuditLog(
      log: log,
      observe: { [weak self] entry in
        let verb = String(entry.what.prefix { $0 != " " })
        self?.note(Self.words[verb] ?? entry.what, by: .request("over HTTP by \(entry.who)"))
      })
  }
}
