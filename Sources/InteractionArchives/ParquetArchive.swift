import Dispatch
import Foundation
import ObjectStorage
import Pipeline
import StreamingRecommender
import Synchronization
import Telemetry

/// The archive as Parquet files in an object store, by day and partition.
///
/// A segment is written into a directory of this machine first, outside the tree that readers see, and then put into the store as a
/// whole. Both happen one segment after the other, and a step that fails is tried again until it succeeds. What is in the directory when
/// the process ends is not needed: the log is read again from the last snapshot on, which waited for everything before it.
public final class ParquetArchive: InteractionArchive {
  public struct Limits: Sendable {
    /// Rows that wait to be written to the directory; from then on the archive is full.
    public var rows = 1 << 20
    /// Bytes in the directory; from then on the archive is full.
    public var spoolBytes: Int
    public init(spoolBytes: Int) { self.spoolBytes = spoolBytes }
  }

  /// What can fail, each by itself.
  private enum Step: Hashable { case directory, store }

  private struct State {
    var status = ArchiveStatus()
    var problems: [Step: String] = [:]
    /// Rows that are not in the directory yet.
    var rowsInMemory = 0
    var spoolBytes = 0
    var submitted = 0
    var stored = 0
    var isClosed = false

    var problem: String? { problems[.store] ?? problems[.directory] }
  }

  private static let retryAfter = Duration.seconds(1)
  private static let retryAfterMax = Duration.seconds(30)

  private let store: any ObjectStore
  private let directory: String
  private let createdBy: String
  private let limits: Limits
  private let log: Log
  private let state = Mutex(State())
  /// Serial both, so that the order of segments is kept; the second goes on while the store cannot be reached.
  private let writing = DispatchQueue(label: "archive files", qos: .utility)
  private let storing = DispatchQueue(label: "archive store", qos: .utility)

  /// - Parameters:
  ///   - directory: for this archive alone; what is in it is removed.
  ///   - createdBy: the program, in the form `name version 1.2`.
  public init(_ store: any ObjectStore, directory: String, limits: Limits, createdBy: String, log: Log) throws {
    self.store = store
    self.directory = directory
    self.limits = limits
    self.createdBy = createdBy
    self.log = log
    if FileManager.default.fileExists(atPath: directory) { try FileManager.default.removeItem(atPath: directory) }
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
  }

  public var status: ArchiveStatus {
    state.withLock { state in
      var status = state.status
      status.problem = state.problem
      status.isFull = state.rowsInMemory >= limits.rows || state.spoolBytes >= limits.spoolBytes
      return status
    }
  }

  public func positions() throws -> [TopicPartition: ArchivedPosition] {
    var positions: [TopicPartition: ArchivedPosition] = [:]
    try store.forEach("date=") { object in
      guard let name = ArchiveFileName(key: object.key.text), (positions[name.source]?.offset ?? -1) < name.last else { return }
      positions[name.source] = ArchivedPosition(offset: name.last, checksum: name.checksum)
    }
    return positions
  }

  public func submit(_ segment: ArchiveSegment) {
    guard let first = segment.rows.first?.offset else { return }
    let number = state.withLock { state in
      state.submitted += 1
      state.rowsInMemory += segment.rows.count
      state.status.waitingRows += segment.rows.count
      return state.submitted
    }
    let name = ArchiveFileName(
      source: segment.source, first: first, last: segment.last.offset, checksum: segment.last.checksum, day: segment.day)
    writing.async { [self] in
      let path = "\(directory)/\(number).parquet"
      guard
        let file = untilItSucceeds(
          .directory,
          { () throws in
            unlink(path)
            return try ArchiveFile.write(segment, to: path, createdBy: createdBy)
          })
      else { return }
      if file.leftOut > 0 {
        log.warning("rows are not archived because an id is not UTF-8", ["rows": file.leftOut, "file": name.key])
      }
      state.withLock { state in
        state.rowsInMemory -= segment.rows.count
        state.spoolBytes += file.bytes
      }
      storing.async { [self] in put(path, as: name, rows: segment.rows.count, bytes: file.bytes) }
    }
  }

  private func put(_ path: String, as name: ArchiveFileName, rows: Int, bytes: Int) {
    let stored: Void? = untilItSucceeds(.store) {
      do throws(ObjectStoreError) { try store.put(try ObjectKey(name.key), .file(path: path), .ifAbsent) } catch {
        // The answer to an earlier attempt was lost: the name says that it is this file.
        guard error.code == .alreadyExists else { throw error }
      }
    }
    guard stored != nil else { return }
    unlink(path)
    state.withLock { state in
      state.spoolBytes -= bytes
      state.stored += 1
      state.status.rows += rows
      state.status.bytes += bytes
      state.status.files += 1
      state.status.waitingRows -= rows
    }
  }

  /// Returns `nil` if the archive was closed before.
  private func untilItSucceeds<Result>(_ step: Step, _ work: () throws -> Result) -> Result? {
    var pause = Self.retryAfter
    while !state.withLock({ $0.isClosed }) {
      do {
        let result = try work()
        state.withLock { $0.problems[step] = nil }
        return result
      } catch {
        state.withLock { state in
          state.status.failures += 1
          state.problems[step] = "\(error)"
        }
        log.warning("archive.store was not written; it is tried again", ["error": "\(error)"])
        sleep(pause)
        pause = min(Self.retryAfterMax, pause * 2)
      }
    }
    return nil
  }

  private func sleep(_ pause: Duration) {
    let end = MonotonicClock.nanoseconds() + pause.nanoseconds
    while MonotonicClock.nanoseconds() < end, !state.withLock({ $0.isClosed }) { usleep(20_000) }
  }

  public func flush(timeout: Duration) throws {
    let wanted = state.withLock { $0.submitted }
    var last = state.withLock { $0.stored }
    var end = MonotonicClock.nanoseconds() + timeout.nanoseconds
    while true {
      let (stored, problem) = state.withLock { ($0.stored, $0.problem) }
      if stored >= wanted { return }
      // Many files take long; only one that does not come through is a reason to give up.
      if stored > last { (last, end) = (stored, MonotonicClock.nanoseconds() + timeout.nanoseconds) }
      guard MonotonicClock.nanoseconds() < end else {
        throw ArchiveError(
          "a snapshot waits for archive.store, which did not take \(wanted - stored) files in \(timeout)\(problem.map { ": \($0)" } ?? "")")
      }
      usleep(2_000)
    }
  }

  /// Gives up what is not in the store yet: a restart reads it from the log again.
  public func close() { state.withLock { $0.isClosed = true } }
}
