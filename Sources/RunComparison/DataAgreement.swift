import RunRecords

/// Whether runs have read the same data.
public enum DataAgreement: String, Sendable {
  case same, different
  /// At least one run does not say what it read, or not by a hash.
  case unknown

  init(_ runs: [RunRecord]) {
    let known = runs.map(Known.init)
    let different = known.dropFirst().contains { $0.differs(from: known[0]) }
    if different {
      self = .different
    } else {
      self = known.allSatisfy(\.isComplete) ? .same : .unknown
    }
  }

  /// What is known of the data of one run.
  private struct Known {
    let hashes: [String]
    let offsets: [String: Int64]
    let isComplete: Bool

    init(_ run: RunRecord) {
      hashes = run.inputs.compactMap(\.sha256).sorted()
      offsets = run.offsets
      isComplete = hashes.count == run.inputs.count && !(hashes.isEmpty && offsets.isEmpty)
    }

    /// Inputs without a hash may be the same or not.
    func differs(from other: Known) -> Bool {
      isComplete && other.isComplete && (hashes != other.hashes || offsets != other.offsets)
    }
  }

  /// A sentence about at least two runs.
  var sentence: String {
    switch self {
    case .same: "The runs read the same data."
    case .different: "The runs read different data."
    case .unknown: "It is not known whether the runs read the same data: not every input has a hash."
    }
  }
}
