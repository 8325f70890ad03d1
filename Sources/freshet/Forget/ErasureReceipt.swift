import StreamingRecommender
import Telemetry

/// The receipt of `freshet forget`: what was erased where, and what remains for how long.
struct ErasureReceipt {
  /// The snapshots that the engine has.
  struct Snapshots: Equatable {
    /// The newest one that the engine tells of, and the highest epoch that it knows.
    var newest: String?
    var epoch: Int?
    var files: [String] = []
    /// Where copies of them go; `nil` if nowhere.
    var store: String?
    /// The archive, if the engine has one.
    var archive: String?
    /// Directories of snapshots that were moved aside and that nothing removes.
    var asides: [String] = []
    var intervalSeconds: Double?

    /// The files that were written before `newest`; their names have the order of their numbers. The directory may be ahead of what the
    /// engine tells.
    var older: [String] { files.filter { file in newest.map { file < $0 } ?? true } }
  }

  /// What remains in a topic.
  struct Log: Equatable {
    var topic: String
    /// The first offset that the log still has and the last tombstone, per partition with one.
    var ranges: [Int32: ClosedRange<Int64>] = [:]
    /// `nil` where it may not be read.
    var retention: Retention?
    var deadLetters: String
    var deadLetterRetention: Retention?
  }

  enum Retention: Equatable {
    case milliseconds(Int64)
    case forever
    case compacted
    /// The log ends with the process of the engine.
    case process

    init?(_ settings: [String: String]) {
      if settings["cleanup.policy"]?.contains("compact") == true {
        self = .compacted
      } else if let milliseconds = settings["retention.ms"].flatMap({ Int64($0) }) {
        self = milliseconds < 0 ? .forever : .milliseconds(milliseconds)
      } else {
        return nil
      }
    }

    func sentence(nowMilliseconds: Int64) -> String {
      switch self {
      case .milliseconds(let milliseconds):
        let (end, overflow) = nowMilliseconds.addingReportingOverflow(milliseconds)
        let days = milliseconds / 86_400_000
        let duration = milliseconds % 86_400_000 != 0 ? "\(milliseconds / 60_000) min" : days == 1 ? "1 day" : "\(days) days"
        return "until retention.ms (\(duration)) has passed"
          + (overflow || end > 253_402_300_799_999 ? "" : ", about \(Timestamp.rfc3339(milliseconds: end).prefix(16))Z")
      case .forever: return "for ever, because retention.ms is -1: lower it, or delete records with kafka-delete-records"
      case .compacted: return "until the topic is compacted, which keeps the newest record of each key; that is the tombstone"
      case .process: return "until the engine ends, with which its embedded log ends"
      }
    }
  }

  var erasures: [Erasure]
  var positions = Erasure.Positions()
  var snapshots = Snapshots()
  var logs: [Log] = []
  var waits: Bool
  var nowMilliseconds: Int64
  /// The epoch of the model that readers see.
  var modelEpoch: Int?

  var isConfirmed: Bool { !erasures.contains { [.unconfirmed, .merged].contains(result($0)) } }

  func result(_ erasure: Erasure) -> Erasure.Result { erasure.result(positions, waits: waits) }

  /// Sentences on what could not be confirmed for a user.
  func missing(_ erasure: Erasure) -> [String] {
    if result(erasure) == .merged, let user = erasure.heldBefore?.mergedInto {
      return [
        "its events belong to the user \(TerminalText.escaped(user)) since they were merged, and are still there: forget that one, too"
      ]
    }
    guard result(erasure) == .unconfirmed else { return [] }
    let missing = erasure.missing(positions)
    return missing.isEmpty ? [erasure.missingInSnapshot(positions)].compactMap(\.self) : missing
  }

  /// The first snapshot without the users: the newest, if it was written after every tombstone.
  var firstSnapshotWithout: String? { erasures.allSatisfy { $0.isInSnapshot(positions) } ? snapshots.newest : nil }

  /// Snapshots that may still hold the users.
  var snapshotsWith: [String] { firstSnapshotWithout == nil ? snapshots.files : snapshots.older }
}

// MARK: - Text

extension ErasureReceipt {
  var text: String {
    var table = TextTable([.left, .left, .right, .left, .left], header: ["user", "result", "pairs", "tombstone", "keys in Redis"])
    for erasure in erasures {
      let tombstones = erasure.tombstones.map { "\($0.source)@\($0.offset)" }.joined(separator: " ")
      table.add([
        erasure.user, result(erasure).rawValue, erasure.heldBefore.map { "\($0.pairs)" } ?? "-", tombstones.isEmpty ? "-" : tombstones,
        keys(erasure),
      ])
    }
    var text = table.description
    for erasure in erasures {
      for sentence in missing(erasure) { text += "\(TerminalText.escaped(erasure.user)): \(sentence)\n" }
    }
    let unknown = erasures.filter { result($0) == .unknown }.map { TerminalText.escaped($0.user) }
    if !unknown.isEmpty {
      text += "\(unknown.joined(separator: ", ")): neither the engine nor Redis knew this id; check that it is the right one\n"
    }
    var remains = TextTable([.left, .left])
    for row in rows { remains.add(row) }
    return text + "\n" + remains.description.dropLast()
  }

  private func keys(_ erasure: Erasure) -> String {
    guard waits else { return "-" }
    guard let before = erasure.keysBefore else { return "not read" }
    let removed = erasure.removedKeys.count
    if !erasure.remainingKeys.isEmpty { return "\(erasure.remainingKeys.count) remain" }
    if before.names.isEmpty { return "none" }
    return "\(removed) of \(before.names.count) removed, read again"
  }

  private var rows: [[String]] {
    var rows: [[String]] = []
    if waits {
      rows.append([
        "snapshot",
        firstSnapshotWithout.map { "\($0)\(snapshots.epoch.map { " (epoch \($0))" } ?? "") is the first without what was erased" }
          ?? "none without what was erased yet",
      ])
      if !snapshotsWith.isEmpty {
        rows.append(["", "\(snapshotsWith.joined(separator: ", ")) may still hold it: \(older)"])
      }
      if let store = snapshots.store {
        rows.append(["", "\(store) has copies, of which as many are kept: those that may still hold it leave as newer ones come"])
      }
      for aside in snapshots.asides {
        rows.append(["", "\(aside) holds older snapshots, which nothing removes: delete it when it is not needed"])
      }
    }
    if let archive = snapshots.archive {
      rows.append(["archive", "\(archive) keeps earlier rows of these users; rewrite the files that have them, as docs/archive.md says"])
    }
    for log in logs {
      let ranges = log.ranges.sorted { $0.key < $1.key }.prefix(8).map { "[\($0.key)] \($0.value.lowerBound) to \($0.value.upperBound)" }
      rows.append([
        "log",
        "\(log.topic): records up to the tombstone remain\(ranges.isEmpty ? "" : " (offsets \(ranges.joined(separator: ", ")))") \(time(log.retention))",
      ])
      rows.append(["dead letters", "\(log.deadLetters) may hold rejected records of these users \(time(log.deadLetterRetention))"])
    }
    if waits, let modelEpoch {
      rows.append([
        "model",
        "the item vectors of epoch \(modelEpoch) were trained with what was there before; the next retrain (freshet retrain) makes new ones",
      ])
    }
    if waits {
      rows.append([
        "id", "the engine and its snapshots keep the ids alone for publish.ttl, to repeat the removal if Redis falls back to older data",
      ])
    }
    return rows
  }

  private var older: String {
    let count = snapshotsWith.count
    let interval = snapshots.intervalSeconds.map { ", one every \(Int($0)) s while events arrive" } ?? ""
    return "the next \(count == 1 ? "snapshot replaces it" : "\(count) snapshots replace them")\(interval), or freshet snapshot"
  }

  private func time(_ retention: Retention?) -> String {
    retention?.sentence(nowMilliseconds: nowMilliseconds) ?? "until its retention ends, which this user may not read"
  }
}

// MARK: - JSON

extension ErasureReceipt {
  var json: JSONValue {
    var object: JSONValue = ["confirmed": .bool(waits && isConfirmed), "users": .array(erasures.map(json(of:)))]
    if waits {
      object["snapshot"] = [
        "first_without": firstSnapshotWithout.map { .string($0) } ?? .null, "epoch": snapshots.epoch.map { .integer($0) } ?? .null,
        "may_hold": .array(snapshotsWith.map { .string($0) }), "store": snapshots.store.map { .string($0) } ?? .null,
        "archive": snapshots.archive.map { .string($0) } ?? .null,
        "set_aside": .array(snapshots.asides.map { .string($0) }),
        "interval_seconds": snapshots.intervalSeconds.map { .number($0) } ?? .null,
      ]
      object["model_epoch"] = modelEpoch.map { .integer($0) } ?? .null
    }
    object["logs"] = .array(logs.map(json(of:)))
    return object
  }

  private func json(of erasure: Erasure) -> JSONValue {
    var object: JSONValue = [
      "user": .string(erasure.user), "result": .string(result(erasure).rawValue),
      "tombstones": .array(
        erasure.tombstones.map {
          [
            "topic": .string($0.source.topic), "partition": .integer(Int($0.source.partition)), "offset": .integer(Int($0.offset)),
          ]
        }),
    ]
    guard waits else {
      if let problem = erasure.problem { object["missing"] = .array([.string(problem)]) }
      return object
    }
    object["known"] = erasure.heldBefore.map { .bool($0.isKnown) } ?? .null
    object["pairs_removed"] = erasure.heldBefore.map { .integer($0.pairs) } ?? .null
    object["applied"] = .bool(erasure.isApplied(positions))
    object["redis"] = [
      "confirmed": .bool(erasure.held?.removal == "confirmed"), "removed": .array(erasure.removedKeys.map { .string($0) }),
      "remaining": .array(erasure.remainingKeys.map { .string($0) }), "read": .bool(erasure.keys != nil),
    ]
    object["in_snapshot"] = .bool(erasure.isInSnapshot(positions))
    object["missing"] = .array(missing(erasure).map { .string($0) })
    return object
  }

  private func json(of log: Log) -> JSONValue {
    func milliseconds(_ retention: Retention?) -> JSONValue {
      if case .milliseconds(let value) = retention { .integer(Int(value)) } else if retention == .forever { .integer(-1) } else { .null }
    }
    return [
      "topic": .string(log.topic), "remains": .string(time(log.retention)), "retention_ms": milliseconds(log.retention),
      "offsets": .array(
        log.ranges.sorted { $0.key < $1.key }.map { partition, range in
          [
            "partition": .integer(Int(partition)), "first": .integer(Int(range.lowerBound)), "tombstone": .integer(Int(range.upperBound)),
          ]
        }),
      "dead_letters": .string(log.deadLetters), "dead_letters_remain": .string(time(log.deadLetterRetention)),
      "dead_letters_retention_ms": milliseconds(log.deadLetterRetention),
    ]
  }
}
