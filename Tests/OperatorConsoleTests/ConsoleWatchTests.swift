import Testing

@testable import OperatorConsole

@Suite struct ConsoleWatchTests {
  private var watch = ConsoleWatch()

  private mutating func second(_ number: Int, _ change: (inout ConsoleReading) -> Void = { _ in }) -> (
    sample: ConsoleSample, texts: [String]
  ) {
    var reading = ConsoleReading(atMilliseconds: Int64(number) * 1000, nanoseconds: UInt64(number) * 1_000_000_000)
    change(&reading)
    let (sample, entries) = watch.note(reading)
    #expect(entries.allSatisfy { $0.who == .engine && $0.atMilliseconds == reading.atMilliseconds })
    return (sample, entries.map(\.text))
  }

  @Test mutating func ratesAreDifferencesOverTheTimeBetween() {
    #expect(second(1) { $0.records = 5_000_000 }.sample.events == 0)
    #expect(second(3) { $0.records = 5_000_300 }.sample.events == 150)
    #expect(second(4) { $0.records = 0 }.sample.events == 0)
  }

  @Test mutating func whatASnapshotRestoredDidNotHappenNow() {
    let restored = second(1) {
      $0.epoch = 7
      $0.lastRetrain = .init(id: "a", outcome: .failed, message: nil)
      $0.forgottenUsers = 3
    }
    #expect(restored.texts == [])
  }

  @Test mutating func modelsRetrainsAndForgottenUsersAreToldOnce() {
    _ = second(1) { $0.epoch = 7 }
    for number in 2...3 {
      let texts = second(number) {
        $0.epoch = 8
        $0.lastRetrain = .init(id: "b", outcome: .refused, message: "recall fell")
        $0.forgottenUsers = 2
      }.texts
      #expect(
        texts
          == (number == 2
            ? ["Epoch 8 is in use", "A retrained model was refused: recall fell", "2 users were forgotten, by tombstone"] : []))
    }
    // An id is dropped when no list can hold it any more.
    #expect(
      second(4) {
        $0.epoch = 8; $0.lastRetrain = .init(id: "c", outcome: .accepted, message: nil)
      }.texts == [])
  }

  @Test mutating func readinessIsToldTheFirstTime() {
    #expect(second(1).texts == [] && !watch.hasBeenReady)
    #expect(second(2) { $0.isReady = true }.texts == ["The engine is ready"])
    _ = second(3)
    #expect(second(4) { $0.isReady = true }.texts == [] && watch.hasBeenReady)
  }

  @Test mutating func aProblemIsToldWhenItLastsAndWhenItEnds() {
    func problem(_ reading: inout ConsoleReading) {
      reading.problems = [.init(key: "redis", message: "does not answer", sinceMilliseconds: 1000)]
    }
    _ = second(0) { $0.isReady = true }
    #expect(second(1, problem).texts == [])
    #expect(second(10, problem).texts == [])
    #expect(second(11, problem).texts == ["Check redis: does not answer"])
    #expect(second(12, problem).texts == [])
    #expect(second(13).texts == ["Check redis passes again"])
    #expect(second(14).texts == [])
  }

  @Test mutating func whatBelongsToAStartIsNotToldUnlessItLasts() {
    func problem(_ reading: inout ConsoleReading) { reading.problems = [.init(key: "lag", message: "x", sinceMilliseconds: 0)] }
    #expect(second(59, problem).texts == [])
    #expect(second(60, problem).texts == ["Check lag: x"])
  }

  @Test mutating func aProblemThatEndsSoonIsNotTold() {
    _ = second(0) { $0.isReady = true }
    _ = second(1) { $0.problems = [.init(key: "lag", message: "x", sinceMilliseconds: 1000)] }
    #expect(second(2).texts == [])
  }

  @Test mutating func aTrainingStandsStillSinceItsLastChange() {
    _ = second(10) { $0.trainingPhase = "fit" }
    _ = second(20) {
      $0.trainingPhase = "fit"
      $0.trainingRatio = 0.5
    }
    _ = second(50) {
      $0.trainingPhase = "fit"
      $0.trainingRatio = 0.5
    }
    #expect(watch.trainingUnchangedSeconds(nanoseconds: 60_000_000_000) == 40)
    #expect(watch.trainingUnchangedSeconds(nanoseconds: 0) == 0)
  }
}
