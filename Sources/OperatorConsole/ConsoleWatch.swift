/// Compares each reading with the one before: what has happened, and since when something stands still.
public struct ConsoleWatch: Sendable {
  /// Whether the engine was ready once.
  public private(set) var hasBeenReady = false
  private var previous: ConsoleReading?
  private var trainingChangedNanoseconds: UInt64 = 0
  /// Problems that are in the activity, by their keys.
  private var noted: Set<String> = []

  /// A problem that ends sooner is not worth an entry; until the engine is ready for the first time, some are part of the start.
  private var patienceMilliseconds: Int64 { hasBeenReady ? 10_000 : 60_000 }

  public init() {}

  /// How long the training has been in the same phase with the same progress.
  public func trainingUnchangedSeconds(nanoseconds now: UInt64) -> Double {
    Double(now - min(now, trainingChangedNanoseconds)) / 1e9
  }

  /// Takes the next reading.
  public mutating func note(_ reading: ConsoleReading) -> (sample: ConsoleSample, entries: [ConsoleActivity.Entry]) {
    defer { previous = reading }
    let isFirstTime = reading.isReady && !hasBeenReady
    hasBeenReady = hasBeenReady || reading.isReady
    if previous?.trainingPhase != reading.trainingPhase || previous?.trainingRatio != reading.trainingRatio {
      trainingChangedNanoseconds = reading.nanoseconds
    }
    let texts = (isFirstTime ? ["The engine is ready"] : []) + events(in: reading) + problems(in: reading)
    return (sample(reading), texts.map { ConsoleActivity.Entry(atMilliseconds: reading.atMilliseconds, $0, by: .engine) })
  }

  private func sample(_ reading: ConsoleReading) -> ConsoleSample {
    var sample = ConsoleSample(atMilliseconds: reading.atMilliseconds)
    if let previous, reading.nanoseconds > previous.nanoseconds {
      sample.events = max(0, reading.records - previous.records) / (Double(reading.nanoseconds - previous.nanoseconds) / 1e9)
    }
    sample.lagRecords = reading.lagRecords
    sample.lagSeconds = reading.lagSeconds
    sample.halfMilliseconds = reading.halfMilliseconds
    sample.mostMilliseconds = reading.mostMilliseconds
    sample.residentBytes = reading.residentBytes
    sample.redisBytes = reading.redisBytes
    return sample
  }

  // MARK: Events

  /// Nothing is new in the first reading: what a snapshot has restored did not happen now.
  private func events(in reading: ConsoleReading) -> [String] {
    guard let previous else { return [] }
    var texts: [String] = []
    if let epoch = reading.epoch, epoch != previous.epoch { texts.append("Epoch \(epoch) is in use") }
    if let retrain = reading.lastRetrain, retrain.id != previous.lastRetrain?.id, let text = Self.text(retrain) { texts.append(text) }
    let forgotten = reading.forgottenUsers - previous.forgottenUsers
    if forgotten > 0 { texts.append("\(Wording.count(forgotten, "user was", "users were")) forgotten, by tombstone") }
    return texts
  }

  private static func text(_ retrain: ConsoleReading.Retrain) -> String? {
    let why = retrain.message.map { ": \($0)" } ?? ""
    return switch retrain.outcome {
    case .accepted: nil  // The epoch is told when readers see it.
    case .refused: "A retrained model was refused\(why)"
    case .failed: "A retrain failed\(why)"
    case .cancelled: "A retrain was cancelled"
    }
  }

  private mutating func problems(in reading: ConsoleReading) -> [String] {
    var texts: [String] = []
    for problem in reading.problems where reading.atMilliseconds - problem.sinceMilliseconds >= patienceMilliseconds {
      if noted.insert(problem.key).inserted { texts.append("Check \(problem.key): \(problem.message)") }
    }
    let ended = noted.subtracting(reading.problems.map(\.key))
    noted.subtract(ended)
    return texts + ended.sorted().map { "Check \($0) passes again" }
  }
}
