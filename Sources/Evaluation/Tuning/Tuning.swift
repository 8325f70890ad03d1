import Dispatch
import Factorization

/// A resumable grid search over model settings (`freshet tune`).
public struct Tuning {
  public let grid: TuningGrid
  public let validation: TuningValidation
  /// The number of evaluations in a row without improvement after which a training stops.
  public let patience: Int
  public let trialsMax: Int
  /// Settings that are not in the grid; earlier trials with other values of them are not reused.
  public let fixedSettings: [String]
  /// Makes a training with these settings (without iterations).
  public let makeTraining: ([(key: String, value: String)]) throws -> StaticTraining

  public init(
    grid: TuningGrid, validation: TuningValidation, patience: Int, trialsMax: Int, fixedSettings: [String],
    makeTraining: @escaping ([(key: String, value: String)]) throws -> StaticTraining
  ) {
    precondition(patience > 0 && trialsMax > 0, "patience \(patience), at most \(trialsMax) trials")
    self.grid = grid
    self.validation = validation
    self.patience = patience
    self.trialsMax = trialsMax
    self.fixedSettings = fixedSettings
    self.makeTraining = makeTraining
  }

  /// Runs the trials that are not in the journal yet.
  ///
  /// - Parameters:
  ///   - progress: called before each half-step; `false` cancels.
  ///   - finished: called with each trial in the order of the search, and whether it came from the journal.
  /// - Returns: all trials of this search in its order.
  /// - Throws: `TuningError`, `TrainingError.cancelled`, and errors of `makeTraining`.
  public func run(
    _ journal: TuningJournal, progress: () -> Bool = { true }, finished: (_ trial: TuningTrial, _ isKnown: Bool) -> Void = { _, _ in }
  ) throws -> [TuningTrial] {
    let context = self.context
    if !journal.trials.isEmpty, !journal.trials.contains(where: { $0.context == context }) {
      throw TuningError("\(journal.path) holds trials of other data or other settings: choose another directory")
    }
    let known = Dictionary(journal.trials.filter { $0.context == context }.map { ($0.settings, $0) }) { first, _ in first }
    var search = TuningSearch(grid, trialsMax: trialsMax)
    var trials: [TuningTrial] = []
    while let point = search.next {
      let settings = grid.settings(at: point)
      let earlier = known[Dictionary(uniqueKeysWithValues: settings)]
      let trial = try earlier ?? self.trial(settings, context, progress)
      if earlier == nil { try journal.add(trial) }
      search.add(point, value: trial.best?.value)
      trials.append(trial)
      finished(trial, earlier != nil)
    }
    return trials
  }

  /// Sorts trials by quality, best first; failed ones are last.
  public static func ranked(_ trials: [TuningTrial]) -> [TuningTrial] {
    trials.enumerated().sorted { a, b in
      let (first, second) = (a.element.best?.value ?? -1, b.element.best?.value ?? -1)
      return first != second ? first > second : a.offset < b.offset
    }.map(\.element)
  }

  private func trial(_ settings: [(key: String, value: String)], _ context: String, _ progress: () -> Bool) throws -> TuningTrial {
    let began = DispatchTime.now().uptimeNanoseconds
    var trial = TuningTrial(
      context: context, settings: Dictionary(uniqueKeysWithValues: settings), judgements: [], stoppedEarly: false, seconds: 0)
    do {
      let model = try makeTraining(settings)
      (trial.judgements, trial.stoppedEarly) = try validation.judge(
        model, iterations: grid.iterations, patience: patience, progress: progress)
    } catch let error as TrainingError where error != .cancelled {
      trial.failure = "\(error)"
    }
    trial.seconds = Double(DispatchTime.now().uptimeNanoseconds - began) / 1e9
    return trial
  }

  private var context: String {
    let steps = "iterations \(grid.iterations), patience \(patience)"
    return (["v1", String(validation.fingerprint, radix: 16), steps] + fixedSettings).joined(separator: "; ")
  }
}
