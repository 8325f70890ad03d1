/// The arm of an experiment in which a request is answered.
public struct AssignedArm: Sendable, Equatable {
  /// The name of the experiment.
  public let experiment: String
  public let arm: Experiment.Arm
  /// From 1 in the order of the experiment; in a recommendation id.
  public let number: UInt8

  /// For a label of metrics; bounded by the number of experiments.
  public var label: String { "\(experiment)/\(arm.name)" }
}
