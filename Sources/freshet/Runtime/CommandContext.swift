import Foundation
import RedisPublishing
import StreamingRecommender
import Telemetry

/// What every command starts from.
struct CommandContext {
  let parsed: ParsedCommand
  let terminal: Terminal

  init(_ parsed: ParsedCommand) {
    self.parsed = parsed
    terminal = Terminal.current(noColor: parsed.global.noColor)
  }

  var options: OptionValues { parsed.options }
  var json: Bool { parsed.global.json }
  var quiet: Bool { parsed.global.quiet }

  func loaded() throws(ConfigurationError) -> LoadedConfiguration {
    var loaded = try parsed.loadConfiguration(environment: ProcessInfo.processInfo.environment)
    loaded.configuration = loaded.configuration.resolved()
    return loaded
  }

  /// For commands that talk to a running engine: where its endpoints file says it is, unless the caller said otherwise.
  ///
  /// A directory that the caller named and in which no engine runs is an error: the defaults of `keys`, the addresses that the command
  /// is going to use, may belong to another engine.
  func loadedForRunningEngine(using keys: [String] = ["redis.url"]) throws -> RecommenderConfiguration {
    let loaded = try loaded()
    let directory = loaded.configuration.instance.dataDirectory
    if let endpoints = try Endpoints.find(dataDirectory: directory) { return endpoints.applied(to: loaded) }
    if loaded.origin(of: "instance.data_dir") == .flag, keys.contains(where: { loaded.origin(of: $0) == .default }) {
      throw CommandFailure("no engine runs with the data directory \(directory): start it with \(line("serve")), or name another one")
    }
    return loaded.configuration
  }

  func reader(_ configuration: RecommenderConfiguration) throws -> RedisReader {
    do { return try RedisReader(configuration.redis) } catch let error as RedisError { throw CommandFailure("\(error)") }
  }

  /// Threads of a training: all processors, unless the configuration says how many.
  func threads(_ configuration: RecommenderConfiguration) -> Int {
    configuration.retrain.threads ?? ProcessInfo.processInfo.activeProcessorCount
  }

  func progress(_ label: String, total: Int?, unit: ProgressBar.Unit = .items) -> ProgressBar {
    ProgressBar(label, total: total, unit: unit, terminal: terminal, isQuiet: quiet)
  }

  /// A command line to copy, with those options of this one that say which engine and which servers are meant.
  func line(_ command: String) -> String { "`freshet \(command)\(parsed.targetOptions)`" }

  func note(_ text: String) { if !quiet { Terminal.note(text) } }

  /// Ends the process when nobody reads any more (`freshet status --watch | head`).
  func print(_ text: String) {
    do { try FileHandle.standardOutput.write(contentsOf: Data((text + "\n").utf8)) } catch { exit(ExitStatus.failed.rawValue) }
  }

  func log(_ configuration: RecommenderConfiguration) -> Telemetry.Log {
    let sink = StandardErrorSink(
      format: LogFormat(rawValue: configuration.log.format.rawValue) ?? .auto,
      minimumLevel: parsed.global.verbose ? .debug : LogLevel(name: configuration.log.level.rawValue) ?? .info,
      instance: configuration.instance.id)
    return Telemetry.Log(component: "freshet", sink: sink, level: .debug)
  }
}
