import Datasets
import Foundation
import RecommenderTestKit
import Testing

@testable import Pipeline
@testable import StreamingRecommender

/// What a new user sees who streams a year of a shop into an empty engine: the real loop on virtual time.
@Suite struct FirstHalfHourTests {
  private static let eventsPerTurn = 1000
  private static let turn = Duration.milliseconds(100)
  /// How long a training takes, in turns.
  private static let turnsPerJob = 20
  private static let cakestand: Identifier = "22423"

  private func rows() throws -> [InteractionRow] {
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../Sources/freshet/Resources/online-retail/events.tsv.gz").path
    let file = try InteractionFile(path: path)
    var rows: [InteractionRow] = []
    while case .columns(let row)? = try file.next() { rows.append(row) }
    return rows
  }

  @Test func aShopStreamedIntoAnEmptyEngineEndsWithAModelOfTheWholeStream() throws {
    let rows = try rows()
    #expect(rows.count > 300_000)
    var configuration = RecommenderConfiguration()
    configuration.model.factors = 32
    configuration.input.topics = ["events"]
    let log = InMemoryLog(topics: ["events": 4])
    let clock = ManualClock()
    let publisher = InMemoryPublisher(roomMax: 4096, clock: { clock.monotonicNanoseconds })
    let jobs = ManualJobRunner()
    var records: [RetrainRecord] = []
    let loop = IngestLoop(
      engine: RecommenderEngine(configuration), settings: .init(configuration, trainingThreads: 2),
      ports: .init(
        source: log.makeSource(), publisher: publisher, deadLetters: InMemoryDeadLetterSink(isAutomatic: true),
        storage: InMemorySnapshotStorage(), jobs: jobs, clock: clock,
        retrainEnded: { record in if record.rolledOutAtMilliseconds != nil || record.result != .accepted { records.append(record) } }),
      jobs: JobBoard(label: "test"), firstSnapshotSequence: 1)

    var waited = 0
    func step() {
      clock.advance(by: Self.turn)
      loop.turn(maxWait: .zero)
      waited = jobs.count > 0 ? waited + 1 : 0
      if waited >= Self.turnsPerJob { jobs.runAll() }
    }
    for start in stride(from: 0, to: rows.count, by: Self.eventsPerTurn) {
      for row in rows[start..<min(start + Self.eventsPerTurn, rows.count)] {
        let value = InteractionEncoder.encode(
          user: row.user, item: row.item, operation: .add, value: 1, timeMilliseconds: row.timeMilliseconds ?? 0)
        log.append("events", key: row.user, value: value, timestampMilliseconds: clock.wallMilliseconds)
      }
      step()
    }
    // The stream has ended; a model that is on its way is finished.
    for _ in 0..<600 { step() }

    let outcomes = records.map { "\($0.result) with \($0.pairs) pairs, \($0.qualityOld ?? 0) to \($0.qualityNew ?? 0)" }
    let model = try #require(loop.engine.model)
    let pairs = loop.engine.state.users.pairCount
    #expect(Double(model.trainedPairs) > 0.6 * Double(pairs), "trained on \(model.trainedPairs) of \(pairs) pairs: \(outcomes)")
    #expect(records.allSatisfy { $0.result == .accepted }, "\(outcomes)")
    // People who bought the cake stand bought the teacups of the same series.
    let similar = try #require(publisher.view.similar[Self.cakestand]).items.map(\.item.string)
    #expect(Set(similar.prefix(10)).intersection(["22697", "22698", "22699"]).count >= 2, "similar to the cake stand: \(similar)")
    #expect(publisher.view.lists.count > 4000)
  }
}
