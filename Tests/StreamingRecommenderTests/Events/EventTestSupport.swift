import Foundation
import StreamingRecommender

/// 2026-11-21T00:00:00Z.
let testNow: Int64 = 1_795_219_200_000

func eventRecord(_ value: [UInt8]?, key: [UInt8]? = nil, timestamp: Int64? = nil) -> Record {
  Record(source: TopicPartition(topic: "events", partition: 0), offset: 7, timestampMilliseconds: timestamp, key: key, value: value)
}

func decode(
  _ json: String, key: String? = nil, timestamp: Int64? = nil,
  _ configure: (inout RecommenderConfiguration.Input) -> Void = { _ in }
) -> DecodedRecord {
  decode(bytes: Array(json.utf8), key: key.map { Array($0.utf8) }, timestamp: timestamp, configure)
}

func decode(
  bytes: [UInt8]?, key: [UInt8]? = nil, timestamp: Int64? = nil,
  _ configure: (inout RecommenderConfiguration.Input) -> Void = { _ in }
) -> DecodedRecord {
  var input = RecommenderConfiguration.Input()
  configure(&input)
  return InteractionDecoder(input).decode(eventRecord(bytes, key: key, timestamp: timestamp), nowMilliseconds: testNow)
}

extension DecodedRecord {
  var applied: Interaction? { if case .interaction(let interaction, _, _) = self { interaction } else { nil } }
  var clamped: ClampedFields? { if case .interaction(_, let clamped, _) = self { clamped } else { nil } }
  var keyMismatch: Bool? { if case .interaction(_, _, let mismatch) = self { mismatch } else { nil } }
  var reason: RejectionReason? { if case .failure(let failure) = self { failure.reason } else { nil } }

  /// The words of the poison file.
  var outcome: String {
    switch self {
    case .interaction(_, let clamped, _): clamped.isEmpty ? "apply" : "apply-clamped"
    case .forget: "delete-user"
    case .ignored: "ignore"
    case .failure(let failure): "dlq:\(failure.reason.rawValue)"
    }
  }
}

/// The package's root, found from this file.
let packageRoot = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent()

/// Shared test data: `FRESHET_TESTDATA`, else beside the package.
func testData(_ name: String) -> Data? {
  let directory =
    ProcessInfo.processInfo.environment["FRESHET_TESTDATA"].map { URL(fileURLWithPath: $0) }
    ?? packageRoot.deletingLastPathComponent().appendingPathComponent("shared/testdata")
  return try? Data(contentsOf: directory.appendingPathComponent(name))
}

/// SplitMix64: small, and the same on every machine.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
