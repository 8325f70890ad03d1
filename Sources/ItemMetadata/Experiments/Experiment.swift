import Telemetry

/// A comparison of several ways to make lists: each user always gets those of one arm.
public struct Experiment: Sendable, Equatable {
  /// What users of one arm get.
  public struct Arm: Sendable, Equatable {
    public let name: String
    /// Of users, in percent.
    public let share: Double
    /// The namespace whose lists and models the arm reads; `nil` for the gateway's own.
    public let namespace: String?
    /// Used where the request does not say.
    public let diversity: Double?
    public let maxPerCategory: Int?
    /// Rules that are in force in the arms that name them, and nowhere else.
    public let rules: [String]
  }

  public static let armsMax = 10

  /// Also the salt that divides the users.
  public let name: String
  public let arms: [Arm]
  /// The first millisecond since 1970 at which it runs.
  public let from: Int64?
  /// The first millisecond at which it no longer does.
  public let until: Int64?
  /// The placement whose requests take part; `nil` is all.
  public let placement: String?
  public let isEnabled: Bool
  public let createdAt: Int64
  public let note: String?
  let allocation: ArmAllocation

  /// Enabled and not over. It may not have begun.
  public func isActive(at now: Int64) -> Bool { isEnabled && until.map { now < $0 } ?? true }

  /// Whether requests of the placement take part.
  public func runs(placement: String?, now: Int64) -> Bool {
    guard isActive(at: now), from.map({ now >= $0 }) ?? true else { return false }
    return self.placement.map { placement?.hasSameBytes(as: $0) ?? false } ?? true
  }

  /// Whether a request could take part in both.
  func overlaps(_ other: Self) -> Bool {
    if let placement, let others = other.placement, !placement.hasSameBytes(as: others) { return false }
    return (from ?? .min) < (other.until ?? .max) && (other.from ?? .min) < (until ?? .max)
  }

  /// The user's arm; `nil` if the user takes no part.
  public func arm(of user: String) -> AssignedArm? {
    allocation.arm(of: user, salt: name).map { AssignedArm(experiment: name, arm: arms[$0], number: UInt8($0 + 1)) }
  }

  init(
    name: String, arms: [Arm], from: Int64?, until: Int64?, placement: String?, isEnabled: Bool, createdAt: Int64, note: String?
  ) {
    self.name = name
    self.arms = arms
    self.from = from
    self.until = until
    self.placement = placement
    self.isEnabled = isEnabled
    self.createdAt = createdAt
    self.note = note
    allocation = ArmAllocation(shares: arms.map(\.share))
  }
}
