import Factorization
import Foundation
import StreamingRecommender
import Testing

@testable import Evaluation

@Suite struct TuningGridTests {
  private func grid(_ text: String) throws -> TuningGrid { try TuningGrid(json: Data(text.utf8), name: "grid.json", iterations: 15) }

  @Test func valuesAreTakenAsTheyAreSet() throws {
    let read = try grid(
      #"{"factors": [64, 32, 64], "model.unobserved_weight": [0.1], "solver": ["cg", "cholesky"], "regularization": 0.5}"#)
    #expect(
      read.axes == [
        .init(key: "model.factors", values: ["32", "64"]), .init(key: "model.regularization", values: ["0.5"]),
        .init(key: "model.solver", values: ["cg", "cholesky"]), .init(key: "model.unobserved_weight", values: ["0.1"]),
      ])
    #expect(read.iterations == [15])
    #expect(read.size == 4)
    #expect(try grid(#"{"iterations": [9, 3]}"#).iterations == [3, 9])
  }

  @Test(arguments: [
    ("factors: 3", "not JSON"), ("[1, 2]", "object of lists"), (#"{"factor": [3]}"#, "did you mean model.factors?"),
    (#"{"trend": [3]}"#, "unknown key trend"), (#"{"factors": ["many"]}"#, "model.factors"), (#"{"factors": [1.5]}"#, "whole number"),
    (#"{"factors": []}"#, "no values"), (#"{"factors": {"a": 1}}"#, "factors"), (#"{"factors": [null]}"#, "factors"),
    (#"{"factors": [true]}"#, "factors"), (#"{"factors": [3], "model.factors": [4]}"#, "twice"),
    (#"{"regularization": [-1], "iterations": [0]}"#, "model.regularization"),
    (#"{"alpha": [40], "unobserved_weight": [0.1]}"#, "model.alpha and model.unobserved_weight are two forms of one thing"),
  ])
  func aMistakeInTheGridIsNamed(text: String, expected: String) {
    let error = #expect(throws: TuningError.self) { try grid(text) }
    let message = error?.description ?? ""
    #expect(message.contains("grid.json") && message.contains(expected), "\(message)")
  }

  @Test func aFixedAlphaFixesTheUnobservedWeight() {
    let left = TuningGrid.standard.fixing(["model.alpha"], iterations: 15)
    #expect(left.axes.map(\.key) == ["model.factors", "model.regularization"])
    #expect(left.iterations == TuningGrid.standard.iterations)
  }

  @Test func aGridSetsTheKeysOfItsFileAndNoOthers() throws {
    #expect(try grid(#"{"factors": [8]}"#).keys == ["model.factors"])
    #expect(try grid(#"{"factors": [8], "iterations": 8}"#).keys == ["model.factors", "model.iterations"])
  }

  @Test func theStandardGridIsValidAndStartsAtTheDefaults() {
    for axis in TuningGrid.standard.axes {
      for value in axis.values {
        #expect(throws: Never.self) { try ConfigurationLoader.load(flags: [(axis.key, value)], searchPaths: []) }
      }
    }
    let start = TuningGrid.standard.settings(at: TuningSearch(.standard, trialsMax: 1).next ?? [])
    #expect(start.map(\.value) == ["64", "0.015", "0.1"])
  }
}

@Suite struct TuningSearchTests {
  private let grid = TuningGrid(
    axes: [.init(key: "a", values: (0..<9).map(String.init)), .init(key: "b", values: (0..<9).map(String.init))], iterations: [1])

  private func run(trialsMax: Int, _ value: (TuningGrid.Point) -> Double?) -> TuningSearch {
    var search = TuningSearch(grid, trialsMax: trialsMax)
    while let point = search.next { search.add(point, value: value(point)) }
    return search
  }

  @Test func aHillIsClimbedWithoutTryingEverything() {
    let search = run(trialsMax: 1000) { 100 - Double(($0[0] - 7) * ($0[0] - 7) + ($0[1] - 2) * ($0[1] - 2)) }
    #expect(search.findings.contains { $0.point == [7, 2] })
    #expect(search.findings.count < 40)
    #expect(Set(search.findings.map(\.point)).count == search.findings.count)
  }

  @Test func theNeighboursOfTheBestPlaceComeFirst() {
    var search = TuningSearch(grid, trialsMax: 100)
    search.add([4, 4], value: 1)
    #expect(search.next == [5, 4])
    search.add([5, 4], value: 0.5)
    search.add([3, 4], value: 2)
    #expect(search.next == [2, 4])
  }

  @Test func thereAreNoMoreTrialsThanAllowed() {
    #expect(run(trialsMax: 7) { Double($0[0]) }.findings.count == 7)
  }

  @Test func aFailureIsNoBestPlace() {
    let search = run(trialsMax: 1000) { $0[0] == 4 ? nil : Double($0[0]) }
    #expect(search.findings.contains { $0.value != nil })
  }
}

@Suite struct TuningTests {
  private let interactions = StaticInteractions(groupedData(users: 80, items: 60, seed: 21), keepsTimes: true)
  private let grid = TuningGrid(
    axes: [.init(key: "model.factors", values: ["2", "4", "8"]), .init(key: "model.unobserved_weight", values: ["0.1", "0.5"])],
    iterations: [1, 2, 4, 8])

  private func tuning(_ grid: TuningGrid? = nil, trialsMax: Int = 6, patience: Int = 2, fixed: [String] = []) throws -> Tuning {
    Tuning(
      grid: grid ?? self.grid, validation: try TuningValidation(time: interactions, testShare: 0.2, metric: .ndcg(20)),
      patience: patience, trialsMax: trialsMax, fixedSettings: fixed
    ) { settings in
      let loaded = try ConfigurationLoader.load(flags: settings, searchPaths: [])
      return StaticTraining(parameters: EngineSettings(loaded.configuration).parameters, options: SolverOptions(workers: 2), seed: 3)
    }
  }

  private func directory() -> String { NSTemporaryDirectory() + "freshet-tune-\(UInt64.random(in: 0...(.max)))" }

  private func withoutTimes(_ trials: [TuningTrial]) -> [TuningTrial] {
    trials.map {
      var trial = $0
      trial.seconds = 0
      return trial
    }
  }

  @Test func aStoppedSearchGoesOnAndEndsAtTheSameAnswer() throws {
    let (whole, halves) = (directory(), directory())
    defer { for path in [whole, halves] { try? FileManager.default.removeItem(atPath: path) } }
    let expected = try tuning().run(try TuningJournal(directory: whole))
    #expect(expected.count == 6)
    // Two trials, then a line that was cut short, then all of them.
    _ = try tuning(trialsMax: 2).run(try TuningJournal(directory: halves))
    let file = try FileHandle(forUpdating: URL(fileURLWithPath: halves + "/trials.jsonl"))
    try file.seekToEnd()
    try file.write(contentsOf: Data(#"{"context":"v1"#.utf8))
    try file.close()
    var known: [Bool] = []
    let journal = try TuningJournal(directory: halves)
    #expect(journal.trials.count == 2)
    let resumed = try tuning().run(journal, finished: { _, isKnown in known.append(isKnown) })
    #expect(known == [true, true, false, false, false, false])
    #expect(withoutTimes(resumed) == withoutTimes(expected))
    #expect(withoutTimes(Tuning.ranked(resumed)) == withoutTimes(Tuning.ranked(expected)))
    let lines = try String(contentsOfFile: halves + "/trials.jsonl", encoding: .utf8).split(separator: "\n")
    #expect(lines.count == 6)
  }

  @Test func trialsOfOtherSettingsAreNotTaken() throws {
    let path = directory()
    defer { try? FileManager.default.removeItem(atPath: path) }
    _ = try tuning(trialsMax: 1).run(try TuningJournal(directory: path))
    let error = #expect(throws: TuningError.self) { try tuning(fixed: ["model.seed=2"]).run(try TuningJournal(directory: path)) }
    #expect(error?.description.contains("choose another directory") == true)
  }

  @Test func twoSearchesDoNotShareADirectory() throws {
    let path = directory()
    defer { try? FileManager.default.removeItem(atPath: path) }
    let first = try TuningJournal(directory: path)
    #expect(throws: TuningError.self) { try TuningJournal(directory: path) }
    #expect(first.trials.isEmpty)
  }

  @Test func aDamagedLineIsNamed() throws {
    let path = directory()
    defer { try? FileManager.default.removeItem(atPath: path) }
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    try Data("{}\n".utf8).write(to: URL(fileURLWithPath: path + "/trials.jsonl"))
    let error = #expect(throws: TuningError.self) { try TuningJournal(directory: path) }
    #expect(error?.description.contains("line 1") == true)
  }

  @Test func aTrainingThatDoesNotImproveStopsEarly() throws {
    let path = directory()
    defer { try? FileManager.default.removeItem(atPath: path) }
    // So strong a regularization that every vector is zero: no judgement is better than the first.
    let flat = TuningGrid(axes: [.init(key: "model.regularization", values: ["1000000.0"])], iterations: [1, 2, 3, 4, 5, 6])
    let trial = try #require(try tuning(flat, patience: 2).run(try TuningJournal(directory: path)).first)
    #expect(trial.stoppedEarly)
    #expect(trial.judgements.count < 6)
  }

  @Test func theBestIterationIsKeptAndNotTheLast() {
    let trial = TuningTrial(
      context: "", settings: [:],
      judgements: [.init(iterations: 1, value: 0.1), .init(iterations: 2, value: 0.3), .init(iterations: 4, value: 0.3)],
      stoppedEarly: true, seconds: 0)
    #expect(trial.best == .init(iterations: 2, value: 0.3))
  }

  @Test func theValidationDoesNotSeeTheTest() throws {
    let validation = try TuningValidation(time: interactions, testShare: 0.2, metric: .ndcg(20))
    let test = try HoldoutTimeSplit(interactions, testShare: 0.2)
    #expect(validation.training.entries < test.training.matrix.entries)
    let pairs = validation.training.entries + validation.users.reduce(0) { $0 + $1.testItems }
    #expect(pairs <= test.training.matrix.entries)
  }
}
