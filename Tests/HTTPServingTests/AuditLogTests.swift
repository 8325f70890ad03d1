import Synchronization
import Telemetry
import Testing

@testable import HTTPServing

@Suite struct AuditLogTests {
  private let log = KeptLog()
  private func makeAudit() -> AuditLog { AuditLog(log: log.log) { 1_700_000_000_000 } }
  private let caller = Caller(name: "operator", role: .admin, address: ClientAddress("10.0.0.1"))

  @Test func anEntrySaysWhoChangedWhatAndWhen() throws {
    let audit = makeAudit()
    audit.record(caller, "rule.put r-7", before: .null, after: ["kind": "pin"])
    let entry = try #require(audit.recent().first)
    #expect(
      entry.json.text == #"{"time":"2023-11-14T22:13:20.000Z","who":"operator","what":"rule.put r-7","before":null,"after":{"kind":"pin"}}"#
    )
    #expect(
      log.all.count == 1 && log.all[0].contains("audit") && log.all[0].contains("operator") && log.all[0].contains("pin"), "\(log.all)")
  }

  @Test func whoObservesGetsEveryEntryAsItIsKept() {
    let seen = Mutex<[AuditLog.Entry]>([])
    let audit = AuditLog(log: log.log, now: { 5 }, observe: { entry in seen.withLock { $0.append(entry) } })
    audit.record(caller, "retrain.start")
    audit.record(caller, "snapshot.start")
    #expect(seen.withLock { $0 } == audit.recent().reversed())
  }

  @Test func withoutATokenTheAddressIsNamed() {
    let audit = makeAudit()
    audit.record(Caller(address: ClientAddress("::1")), "retrain")
    audit.record(Caller(), "retrain")
    #expect(audit.recent().map(\.who) == ["unknown", "::1"])
  }

  @Test func theLast200AreKeptNewestFirst() {
    let audit = makeAudit()
    for number in 0..<250 { audit.record(caller, "change \(number)") }
    #expect(audit.recent().count == 200 && audit.recent(2).map(\.what) == ["change 249", "change 248"])
    #expect(audit.recent().last?.what == "change 50" && log.all.count == 250)
  }

  @Test func longValuesAreCutAndSecretsMasked() throws {
    let audit = makeAudit()
    audit.record(caller, "item.put token=CANARY", after: .string(String(repeating: "x", count: 100_000)))
    let entry = try #require(audit.recent().first)
    #expect(entry.after.bytes.count < 5000 && !entry.what.contains("CANARY") && !log.all[0].contains("CANARY"))
  }
}
