import Evaluation
import Factorization
import Foundation
import RecommenderTestKit
import StreamingRecommender
import Testing

/// The table in docs/operations.md, measured again.
@Suite struct SizingTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path

  /// The numbers in the row of the sizing table that begins with `name`.
  private static func documented(_ name: String) throws -> [Double] {
    let text = try String(contentsOfFile: root + "/docs/operations.md", encoding: .utf8)
    let row = try #require(text.split(separator: "\n").first { $0.hasPrefix("| \(name) |") }, "no row \(name)")
    let cell = row.split(separator: "|")[1].replacing(",", with: "")
    return cell.matches(of: /[0-9]+(\.[0-9]+)?/).compactMap { Double(String($0.output.0)) }
  }

  private func expect(_ measured: Double, _ name: String, at index: Int = 0) throws {
    let numbers = try Self.documented(name)
    let documented = try #require(index < numbers.count ? numbers[index] : nil, "\(name): \(numbers)")
    print("sizing: \(name): documented \(documented), measured \(measured)")
    #expect(abs(measured - documented) <= 0.2 * documented, "\(name): documented \(documented), measured \(measured)")
  }

  @Test func theFiguresForTheShippedDataAreThoseOfTheDocument() throws {
    let data = try EvaluationData(path: Self.root + "/Sources/freshet/Resources/online-retail/events.tsv.gz")
    var configuration = RecommenderConfiguration()
    // What a training takes does not change with the number of its iterations.
    configuration.model.coldIterations = 1
    var engine = RecommenderEngine(configuration)
    engine.distributeUsers(into: 8)
    for start in stride(from: 0, to: data.interactions.count, by: 2000) {
      _ = engine.apply(Array(data.interactions[start..<min(start + 2000, data.interactions.count)]))
    }
    let result = engine.makeTrainingJob(id: "sizing", reason: .first, nowMilliseconds: 0).run(threads: 2, monitor: TrainingMonitor())
    engine.adopt(try #require(result.trained))
    _ = engine.installPending()

    let users = Double(engine.state.users.count)
    let pairs = Double(engine.state.users.pairCount)
    try expect(users, "users, items, pairs")
    try expect(Double(engine.state.catalogue.items.count), "users, items, pairs", at: 1)
    try expect(pairs, "users, items, pairs", at: 2)
    try expect(Double(engine.size.interactions) / pairs, "engine, bytes per pair")
    try expect(Double(engine.size.users + engine.size.factors) / users, "engine, bytes per user")
    try expect(Double(engine.size.total) / 1e6, "engine, whole state in MB")
    try expect(Double(try InMemorySnapshotStorage.encode(engine.snapshot(sequence: 1, deadLetters: [])).count) / 1e6, "snapshot file in MB")
  }
}
