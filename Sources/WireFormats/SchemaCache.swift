import Foundation
import StreamingRecommender
import Synchronization
import Telemetry

/// Opens payloads with schemas that it keeps, and fetches those that it does not have, on a thread of its own.
///
/// Schemas never change, so they are kept until there is no room. That a schema does not exist is forgotten after `refusalLifetime`,
/// because it may be registered late. While the registry cannot be
/// reached, requests are repeated with exponential backoff.
public final class SchemaCache: PayloadDecoder {
  public struct Timing: Sendable {
    public var refusalLifetime = Duration.seconds(30)
    public var firstRetry = Duration.milliseconds(250)
    public var longestRetry = Duration.seconds(15)
    public init() {}
  }

  private enum Entry: Sendable {
    case ready(PayloadSchema)
    case refused(String, until: UInt64)
    /// Being fetched, and why the last try failed.
    case asked(problem: String?)
  }

  private struct State: Sendable {
    var entries: [SchemaName: (entry: Entry, used: UInt64)] = [:]
    var uses: UInt64 = 0
    var failures = 0
    /// The number of entries that are being fetched.
    var asked = 0
  }

  /// More are not asked for at once: ids in keys that are no frames are as many as there are keys.
  private static let askedMax = 256

  private let source: (any SchemaFetching)?
  private let file: PayloadSchema?
  private let limits: PayloadLimits
  private let timing: Timing
  private let entriesMax: Int
  private let log: Log
  private let onChange: @Sendable () -> Void
  private let state = Mutex(State())
  private let queue = DispatchQueue(label: "freshet.schemas")

  /// - Parameters:
  ///   - source: the registry, if there is one. Otherwise every payload has the schema of the file.
  ///   - schemaFile: `input.schema_file`, empty for none.
  ///   - onChange: called from another thread when a schema has come, or is known not to exist.
  public init(
    source: (any SchemaFetching)?, schemaFile: String = "", schemaMessage: String = "", limits: PayloadLimits = PayloadLimits(),
    timing: Timing = Timing(), entriesMax: Int = 1000, log: Log = .disabled, onChange: @escaping @Sendable () -> Void = {}
  ) throws(SchemaRefusal) {
    self.source = source
    file = schemaFile.isEmpty ? nil : try PayloadSchema(file: schemaFile, message: schemaMessage)
    self.limits = limits
    self.timing = timing
    self.entriesMax = entriesMax
    self.log = log
    self.onChange = onChange
    for note in file?.notes ?? [] { log.warning("\(SchemaName.file): the field \(note)") }
  }

  public var requests: [String: Int] { source?.requests ?? [:] }

  // MARK: Decoding

  public func decode(_ payload: SchemaPayload) -> DecodedPayload {
    if payload.schema == .file || source == nil {
      guard let file else {
        return .failure(
          DecodingFailure(.unknownSchema, "no schema registry is configured: set schema_registry.url, or input.schema_file"))
      }
      return file.decode(payload, limits)
    }
    switch schema(payload.schema) {
    case .ready(let schema): return schema.decode(payload, limits)
    case .refused(let why, _): return .failure(DecodingFailure(.unknownSchema, why))
    case .asked: return .waiting
    }
  }

  public func problem(with schema: SchemaName) -> String? {
    state.withLock { state in
      guard case .asked(let problem)? = state.entries[schema]?.entry else { return nil }
      return problem
    }
  }

  /// What is known of a schema; asks for it if nothing is.
  private func schema(_ name: SchemaName) -> Entry {
    let (entry, isNew) = state.withLock { state -> (Entry, Bool) in
      state.uses += 1
      if let known = state.entries[name] {
        if case .refused(_, let until) = known.entry, MonotonicClock.nanoseconds() >= until {
          // Asked for again below.
        } else {
          state.entries[name]?.used = state.uses
          return (known.entry, false)
        }
      }
      let entry = Entry.asked(problem: nil)
      guard state.asked < Self.askedMax else { return (entry, false) }
      state.asked += 1
      Self.makeRoom(&state, entriesMax)
      state.entries[name] = (entry, state.uses)
      return (entry, true)
    }
    if isNew { queue.async { [weak self] in self?.fetch(name) } }
    return entry
  }

  /// Drops what was not used for longest. What is being fetched stays.
  private static func makeRoom(_ state: inout State, _ entriesMax: Int) {
    guard state.entries.count >= entriesMax else { return }
    let settled = state.entries.filter { if case .asked = $0.value.entry { false } else { true } }
    for entry in settled.sorted(by: { $0.value.used < $1.value.used }).prefix(max(1, entriesMax / 10)) {
      state.entries[entry.key] = nil
    }
  }

  // MARK: Fetching

  private func fetch(_ name: SchemaName) {
    guard let source else { return }
    let next: Entry
    do throws(SchemaFault) {
      next = compiled(try source.fetch(name), name)
    } catch {
      switch error {
      case .refused(let why): next = refusal(why)
      case .unavailable(let why): return retry(name, why)
      }
    }
    state.withLock { state in
      state.failures = 0
      state.asked -= 1
      state.entries[name]?.entry = next
    }
    onChange()
  }

  private func compiled(_ text: SchemaText, _ name: SchemaName) -> Entry {
    do throws(SchemaRefusal) {
      let schema = try PayloadSchema(text)
      log.info("\(name) was read from the registry", ["format": text.kind.rawValue])
      for note in schema.notes { log.warning("\(name): the field \(note)") }
      return .ready(schema)
    } catch {
      return refusal("\(name) cannot be used: \(error)")
    }
  }

  private func refusal(_ why: String) -> Entry {
    .refused(why, until: MonotonicClock.nanoseconds() + timing.refusalLifetime.nanoseconds)
  }

  private func retry(_ name: SchemaName, _ why: String) {
    let failures = state.withLock { state -> Int in
      state.failures += 1
      state.entries[name]?.entry = .asked(problem: why)
      return state.failures
    }
    let wait = min(timing.firstRetry.nanoseconds << UInt64(min(failures - 1, 16)), timing.longestRetry.nanoseconds)
    queue.asyncAfter(deadline: .now() + .nanoseconds(Int(wait))) { [weak self] in self?.fetch(name) }
  }
}
