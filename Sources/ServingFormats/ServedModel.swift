/// What the hash `model` tells a reader that computes scores, beside the epoch.
public struct ServedModel: Sendable, Equatable {
  /// The number of item packs of the epoch when its pointer was written; new items may add more.
  public var packs: Int
  /// Weight of an unobserved pair (alpha0), and whether strengths enter as weights (`unobserved_weight`) or scaled by alpha (`alpha`).
  public var unobservedWeight: Double
  public var alpha: Double?
  /// Lambda and exponent of the regularization lambda x (sum of |w| + alpha0 x n)^nu, n the number of item vectors.
  public var regularization: Double
  public var regularizationExponent: Double
  /// Whether lists leave out the items that rows name as seen.
  public var excludesSeen: Bool

  public init(
    packs: Int, unobservedWeight: Double, alpha: Double?, regularization: Double, regularizationExponent: Double, excludesSeen: Bool
  ) {
    self.packs = packs
    self.unobservedWeight = unobservedWeight
    self.alpha = alpha
    self.regularization = regularization
    self.regularizationExponent = regularizationExponent
    self.excludesSeen = excludesSeen
  }

  /// The fields of the hash.
  public var fields: [(name: String, value: String)] {
    [
      ("packs", "\(packs)"), ("pack_size", "\(ItemPack.size)"), ("unobserved_weight", "\(unobservedWeight)"),
      ("alpha", alpha.map { "\($0)" } ?? ""), ("regularization", "\(regularization)"),
      ("regularization_exponent", "\(regularizationExponent)"), ("exclude_seen", excludesSeen ? "1" : "0"),
    ]
  }

  /// `nil` if the hash has no such fields, or packs of another size.
  public init?(fields: [String: String]) {
    guard let packs = fields["packs"].flatMap({ Int($0) }), packs > 0, fields["pack_size"] == "\(ItemPack.size)",
      let unobservedWeight = fields["unobserved_weight"].flatMap({ Double($0) }),
      let regularization = fields["regularization"].flatMap({ Double($0) }),
      let exponent = fields["regularization_exponent"].flatMap({ Double($0) })
    else { return nil }
    self.init(
      packs: packs, unobservedWeight: unobservedWeight, alpha: fields["alpha"].flatMap { Double($0) }, regularization: regularization,
      regularizationExponent: exponent, excludesSeen: fields["exclude_seen"] != "0")
  }
}
