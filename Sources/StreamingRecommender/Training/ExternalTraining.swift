/// What a training by another program is given.
public struct ExternalTraining: Sendable {
  /// The id of the job.
  public let job: String
  /// The number of floats that a vector must have.
  public let factors: Int
  public let seed: UInt64
  private let state: EngineState
  /// Pairs from here on are held out for the comparison with the live model.
  private let threshold: InteractionOrder?
  private let monitor: TrainingMonitor

  init(_ job: TrainingJob, without holdout: Holdout?, _ monitor: TrainingMonitor) {
    self.job = job.id
    factors = job.settings.parameters.factors
    seed = job.settings.seed
    state = job.state
    threshold = holdout?.threshold
    self.monitor = monitor
  }

  public var isCancelled: Bool { monitor.isCancelled }

  /// Calls `body` for every pair of user and item, one user after the other, with the strength that a training here would use.
  public func forEachPair(
    _ body: (_ user: [UInt8], _ item: [UInt8], _ strength: Float, _ timeMilliseconds: Int64) throws -> Void
  ) throws {
    for user in state.users.references where state.users.isPresent(user) {
      let name = state.users.name(user)
      var result = Result<Void, any Error>.success(())
      state.users.forEachNewestFirst(user) { item, strength, order in
        if let threshold, order >= threshold { return true }
        result = Result { try body(name, state.catalogue.items.name(item), strength, order.timeMilliseconds) }
        return (try? result.get()) != nil
      }
      try result.get()
    }
  }
}

/// Why the vectors of another program cannot be used.
public struct ExternalTrainingError: Error, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}
