import Telemetry

/// All experiments. At any time at most one of them runs for a placement, so that an arm says all about how a list was made.
public struct ExperimentSet: Sendable, Equatable {
  public static let countMax = 100
  /// Namespaces that a gateway holds in memory beside its own.
  public static let namespacesMax = 4

  public let experiments: [Experiment]
  /// Rules that some arm names: outside of these arms they are not in force, also while the experiment does not run.
  public let armRules: Set<String>

  public static let none = ExperimentSet()
  private init() { (experiments, armRules) = ([], []) }

  /// - Parameter now: experiments that are over by then may overlap others.
  public init(_ experiments: [Experiment], now: Int64) throws(DocumentFault) {
    guard experiments.count <= Self.countMax else {
      throw DocumentFault(.tooMany, "\(experiments.count) experiments; at most \(Self.countMax) are kept: delete those that are over")
    }
    let active = experiments.filter { $0.isActive(at: now) }.sorted { $0.name.precedesByBytes($1.name) }
    for (index, first) in active.enumerated() {
      if let second = active[(index + 1)...].first(where: { first.overlaps($0) }) {
        throw DocumentFault(
          .badValue, field: "placement",
          "\(first.name) and \(second.name) would run for the same placement at the same time; give them different placements, or times "
            + "that do not overlap")
      }
    }
    let namespaces = Set(active.flatMap { $0.arms.compactMap(\.namespace) })
    guard namespaces.count <= Self.namespacesMax else {
      throw DocumentFault(
        .tooMany, field: "namespace", "the experiments that are not over name \(namespaces.count) namespaces; at most \(Self.namespacesMax)"
      )
    }
    self.experiments = experiments
    armRules = Set(experiments.flatMap { $0.arms.flatMap(\.rules) })
  }

  /// The arm for a request; `nil` without a user, or where no experiment runs that the user takes part in.
  public func arm(user: String?, placement: String?, now: Int64) -> AssignedArm? {
    guard let user, let experiment = experiments.first(where: { $0.runs(placement: placement, now: now) }) else { return nil }
    return experiment.arm(of: user)
  }

  /// The namespaces of experiments that are not over, which should be in memory.
  public func namespaces(now: Int64) -> Set<String> {
    Set(experiments.filter { $0.isActive(at: now) }.flatMap { $0.arms.compactMap(\.namespace) })
  }
}
