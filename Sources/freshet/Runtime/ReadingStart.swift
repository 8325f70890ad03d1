import KafkaIngest
import Pipeline
import StreamingRecommender
import Telemetry
import Timestamps

/// Where `serve` begins to read: `--from`.
enum ReadingStart: Equatable {
  /// At the offsets of the newest snapshot, which is also how a restart goes on.
  case snapshot
  /// At the earliest records, into a new state.
  case earliest
  /// At the first records of this time (milliseconds since 1970), into a new state.
  case time(Int64)

  static let forms = "earliest, snapshot, or a time such as 2026-11-28T06:00:00Z, 2026-11-28, or seconds or milliseconds since 1970"

  init(_ text: String, nowMilliseconds: Int64) throws {
    switch text {
    case "snapshot": self = .snapshot
    case "earliest", "beginning": self = .earliest
    case "latest", "now":
      throw UsageError("--from \(text): that would leave out what is in the log; allowed: \(Self.forms)")
    default:
      let bytes = Array(text.utf8)
      let found = bytes.withUnsafeBufferPointer { bytes -> Result<Int64, TimestampFault> in
        do throws(TimestampFault) { return .success(try TimestampText.milliseconds(bytes)) } catch { return .failure(error) }
      }
      switch found {
      case .success(let time) where time > nowMilliseconds:
        throw UsageError("--from \(text): \(Timestamp.rfc3339(milliseconds: time)) is in the future; allowed: \(Self.forms)")
      case .success(let time) where time < 0: throw UsageError("--from \(text): a time before 1970; allowed: \(Self.forms)")
      case .success(let time): self = .time(time)
      case .failure: throw UsageError("--from \(text): this is no time with one meaning; allowed: \(Self.forms)")
      }
    }
  }

  var origin: StartPositions.Origin? {
    switch self {
    case .snapshot: nil
    case .earliest: .earliest
    case .time(let milliseconds): .time(milliseconds)
    }
  }

  /// The offsets of a time; none for the earliest records.
  func offsets(_ configuration: RecommenderConfiguration) throws -> PartitionOffsets {
    guard case .time(let milliseconds) = self else { return PartitionOffsets() }
    do {
      let inspection = try ClusterInspection(configuration.kafka)
      let found = try inspection.metadata(configuration.input.topics)
      if let missing = configuration.input.topics.first(where: { found.topics[$0] == nil }) {
        throw CommandFailure("topic \(missing) does not exist, so there are no offsets of a time: create it with freshet topics create")
      }
      return try inspection.offsets(since: milliseconds, of: configuration.input.topics.flatMap { found.topics[$0] ?? [] }.map(\.id))
    } catch let error as KafkaError { throw CommandFailure("--from needs the offsets of a time: \(error)") }
  }

  /// Why the state that is there must not be replaced without being told to; `nil` if there is none.
  func refusal(_ start: RecoveredEngine, _ directory: SnapshotDirectory, setsAside: Bool) -> CommandFailure? {
    guard self != .snapshot, !setsAside, start.hasState else { return nil }
    let what =
      start.snapshotSequence.map {
        "snapshot \($0) with \(start.engine.state.users.count) users and \(start.engine.state.users.pairCount) pairs"
      } ?? "snapshots that cannot be read"
    return CommandFailure(
      "\(directory.path) has \(what), and --from would read the log into a new state: add --set-aside to move the snapshots into a "
        + "directory of their own first, or leave --from out to go on from them", status: .configuration)
  }
}
