import RecommenderTestKit
import Testing

@testable import StreamingRecommender

/// What an engine hands to the archive.
@Suite struct ArchiveTests {
  private static let time: Int64 = 1_795_219_200_000
  private let source = TopicPartition(topic: "events", partition: 0)

  private func engine(behind positions: [TopicPartition: ArchivedPosition]? = [:]) -> RecommenderEngine {
    var engine = RecommenderEngine(
      plainConfiguration {
        $0.input.topics = ["events"]
        $0.input.weights = ["view": 1, "buy": 5]
      })
    if let positions { engine.archive(behind: positions) }
    return engine
  }

  private func record(_ offset: Int64, _ value: String?, key: String = "u") -> Record {
    Record(offset: offset, timestampMilliseconds: Self.time + offset, key: Array(key.utf8), value: value.map { Array($0.utf8) })
  }

  private func event(_ item: String, type: String, at seconds: Int64) -> String {
    #"{"user_id":"u","item_id":"\#(item)","event_type":"\#(type)","timestamp":\#(Self.time + seconds * 1000)}"#
  }

  @Test func everyAppliedEventIsARowWithTypeAndWeightedValue() throws {
    var engine = engine()
    let records = [
      record(5, event("a", type: "view", at: -9)), record(6, "{"), record(7, event("b", type: "buy", at: -8)),
      record(8, #"{"user_id":"u","item_id":"a","op":"delete","timestamp":\#(Self.time)}"#), record(9, nil),
      record(10, #"{"op":"merge","user_id":"u","into":"v"}"#),
    ]
    let batch = try #require(engine.apply(records).archived.first)
    #expect(batch.source == source && batch.last == RecordMark(records[5]))
    func row(
      _ item: String?, _ type: String?, _ operation: ArchivedInteraction.Operation, _ strength: Float, _ milliseconds: Int64,
      _ offset: Int64
    ) -> ArchivedInteraction {
      ArchivedInteraction(
        user: Array("u".utf8), item: item.map { Array($0.utf8) }, type: type.map { Array($0.utf8) }, operation: operation,
        strength: strength, timeMilliseconds: Self.time + milliseconds, mergedInto: operation == .merge ? Array("v".utf8) : nil,
        offset: offset)
    }
    #expect(
      batch.rows == [
        row("a", "view", .add, 1, -9000, 5), row("b", "buy", .add, 5, -8000, 7), row("a", nil, .delete, 1, 0, 8),
        row(nil, nil, .forget, 0, 9, 9), row(nil, nil, .merge, 0, 10, 10),
      ])
  }

  @Test func whatChangesNothingIsNoRow() {
    var engine = engine()
    let once = event("a", type: "view", at: 0)
    let update = engine.apply([
      record(0, once), record(1, once), record(2, event("a", type: "other", at: 1)),
      record(3, #"{"user_id":"u","item_id":"b","op":"set","timestamp":\#(Self.time)}"#),
      record(4, #"{"user_id":"u","item_id":"b","op":"set","timestamp":\#(Self.time - 1)}"#),
    ])
    #expect(update.archived.map { $0.rows.map(\.offset) } == [[0, 3]], "a repeat, an unknown type and an older set")
  }

  @Test func withoutAnArchiveThereAreNoRowsAndNoTypes() throws {
    var engine = engine(behind: nil)
    #expect(engine.apply([record(0, event("a", type: "view", at: 0))]).archived.isEmpty)
    guard
      case .interaction(let interaction, _, _) = engine.decoder.decode(record(1, event("a", type: "view", at: 0)), fallbackMilliseconds: 0)
    else { throw Unexpected() }
    #expect(interaction.type == nil)
  }

  private struct Unexpected: Error {}

  @Test func whatIsArchivedAlreadyIsLeftOut() {
    let records = (0..<6).map { record(Int64($0), event("i\($0)", type: "view", at: Int64($0))) }
    var engine = engine(behind: [source: ArchivedPosition(offset: 3, checksum: RecordMark(records[3]).checksum)])
    let update = engine.apply(records)
    #expect(update.archived.map { $0.rows.map(\.offset) } == [[4, 5]])
    #expect(update.foreignLogs.isEmpty && update.applied.count == 6)
  }

  @Test func aLogThatIsNotTheArchivedOneIsNoticed() {
    let records = (0..<6).map { record(Int64($0), event("i\($0)", type: "view", at: Int64($0))) }
    var engine = engine(behind: [source: ArchivedPosition(offset: 3, checksum: 7)])
    #expect(engine.apply(records).foreignLogs == [source])
  }
}
