import RecommenderTestKit
import Foundation
import StreamingRecommender

/// 2026-11-21T00:00:00Z.
let testNow: Int64 = 1_795_219_200_000

func eventRecord(_ value: [UInt8]?, key: [UInt8]? = nil, timestamp: Int64? = nil) -> Record {
  Record(offset: 7, timestampMilliseconds: timestamp, key: key, value: value)
}

func decode(
  _ json: String, key: String? = nil, timestamp: Int64? = testNow,
  _ configure: (inout RecommenderConfiguration.Input) -> Void = { _ in }
) -> DecodedRecord {
  decode(bytes: Array(json.utf8), key: key.map { Array($0.utf8) }, timestamp: timestamp, configure)
}

func decode(
  bytes: [UInt8]?, key: [UInt8]? = nil, timestamp: Int64? = testNow,
  _ configure: (inout RecommenderConfiguration.Input) -> Void = { _ in }
) -> DecodedRecord {
  var input = RecommenderConfiguration.Input()
  configure(&input)
  return InteractionDecoder(input).decode(eventRecord(bytes, key: key, timestamp: timestamp), fallbackMilliseconds: testNow)
}

extension DecodedRecord {
  /// Without the hash of the type, which tests compare on their own.
  var applied: Interaction? {
    guard case .interaction(var interaction, _, _) = self else { return nil }
    interaction.typeHash = nil
    return interaction
  }
  var clamped: ClampedFields? { if case .interaction(_, let clamped, _) = self { clamped } else { nil } }
  var keyMismatch: Bool? { if case .interaction(_, _, let mismatch) = self { mismatch } else { nil } }
  var reason: RejectionReason? { if case .failure(let failure) = self { failure.reason } else { nil } }

  /// The words of the poison file.
  var outcome: String {
    switch self {
    case .interaction(_, let clamped, _): clamped.isEmpty ? "apply" : "apply-clamped"
    case .interactions(let events, _): events.contains { !$0.clamped.isEmpty } ? "apply-clamped" : "apply"
    case .forget: "delete-user"
    case .merge: "merge-users"
    case .ignored: "ignore"
    case .failure(let failure): "dlq:\(failure.reason.rawValue)"
    case .waiting: "wait"
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
