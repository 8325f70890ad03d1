import StreamingRecommender
import Synchronization
import Telemetry

/// What SIGHUP does: tokens, keys and certificates are read again, and so is the configuration, of which the log level is followed.
///
/// Whatever is wrong with a file, the process goes on with what it had.
final class Reload: Sendable {
  /// Something that is read again.
  struct Part: Sendable {
    let name: String
    let run: @Sendable () throws -> Void
  }

  private let parts: [Part]
  private let load: @Sendable () throws -> RecommenderConfiguration
  private let isUsed: @Sendable (String) -> Bool
  /// Whether the command line fixes the log level.
  private let keepsLevel: Bool
  private let sink: StandardErrorSink
  private let log: Telemetry.Log
  private let current: Mutex<RecommenderConfiguration>

  /// - Parameters:
  ///   - current: as it was read at the start.
  ///   - isUsed: whether the process reads the key of this name.
  init(
    _ context: CommandContext, current: RecommenderConfiguration, parts: [Part], sink: StandardErrorSink, log: Telemetry.Log,
    where isUsed: @escaping @Sendable (String) -> Bool = { _ in true }
  ) {
    self.parts = parts
    load = { try context.loaded().configuration }
    self.isUsed = isUsed
    keepsLevel = context.parsed.global.verbose
    self.sink = sink
    self.log = log
    self.current = Mutex(current)
  }

  func run() {
    for part in parts {
      do { try part.run() } catch {
        log.error("\(part.name) cannot be read again, what was there before stays in use: \(error)", repetition: .always)
      }
    }
    let new: RecommenderConfiguration
    do { new = try load() } catch {
      log.error("the configuration cannot be read again, what was there before stays in force: \(error)", repetition: .always)
      return
    }
    let changes = current.withLock { current in
      defer { current.log.level = new.log.level }
      return ConfigurationChanges(from: current, to: new, where: isUsed)
    }
    if changes.applied.contains("log.level"), !keepsLevel { sink.minimumLevel = LogLevel(name: new.log.level.rawValue) ?? .info }
    log.info(
      "SIGHUP: read again", ["read": parts.map(\.name).joined(separator: ", "), "changed": changes.applied.joined(separator: ", ")],
      repetition: .always)
    if !changes.needRestart.isEmpty {
      log.warning("these keys have changed and need a restart: \(changes.needRestart.joined(separator: ", "))", repetition: .always)
    }
  }
}
