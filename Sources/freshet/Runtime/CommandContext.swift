import Foundation
import RedisPublishing
import RunRecords
import StreamingRecommender
import Telemetry

/// The environment of a command: its parsed options and the terminal.
struct CommandContext {
  let parsed: ParsedCommand
  let terminal: Terminal
  /// Receives the result of the command, whether or not it is printed.
  var onReport: (@Sendable (JSONValue) -> Void)?
  /// Keeps the record of the run; `nil` if the command leaves none.
  var recorder: RunRecorder?
  /// The run that this one repeats.
  var rerunOf: RunID?
  /// Whether `report` prints the result. A command that runs other commands may print one result in place of theirs.
  var printsReport = true

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

  /// Loads the configuration for a command that talks to a running engine, with the addresses of its endpoints file unless the caller set
  /// others.
  ///
  /// If the caller named a directory in which no engine runs, it throws, because the default addresses in `keys`, which the command would
  /// use, may belong to another engine.
  func loadedForRunningEngine(using keys: [String] = ["redis.url"]) throws -> RecommenderConfiguration {
    let loaded = try loaded()
    let directory = loaded.configuration.instance.dataDirectory
    if let endpoints = try Endpoints.find(dataDirectory: directory) { return endpoints.applied(to: loaded) }
    if loaded.origin(of: "instance.data_dir") == .flag, keys.contains(where: { loaded.origin(of: $0) == .default }) {
      throw CommandFailure("no engine runs with the data directory \(directory): start it with \(line("serve")), or name another one")
    }
    return loaded.configuration
  }

  /// Whether the running engine has a broker of its own.
  var isEngineEmbedded: Bool {
    guard let loaded = try? loaded() else { return false }
    return (try? Endpoints.find(dataDirectory: loaded.configuration.instance.dataDirectory))?.isEmbedded ?? false
  }

  func reader(_ configuration: RecommenderConfiguration) throws -> RedisReader {
    do { return try RedisReader(configuration.redis) } catch let error as RedisError { throw CommandFailure("\(error)") }
  }

  /// Returns the number of threads for a training: all processors unless the configuration sets it.
  func threads(_ configuration: RecommenderConfiguration) -> Int {
    configuration.retrain.threads ?? ProcessInfo.processInfo.activeProcessorCount
  }

  func progress(_ label: String, total: Int?, unit: ProgressBar.Unit = .items) -> ProgressBar {
    ProgressBar(label, total: total, unit: unit, terminal: terminal, isQuiet: quiet)
  }

  /// Formats a command line for the user to copy, with this command's options that select the engine and the servers.
  func line(_ command: String) -> String { "`freshet \(command)\(parsed.targetOptions)`" }

  func note(_ text: String) { if !quiet { Terminal.note(text) } }

  /// Prints to standard output and ends the process if it has been closed (`freshet status --watch | head`).
  func print(_ text: String) {
    do { try FileHandle.standardOutput.write(contentsOf: Data((text + "\n").utf8)) } catch { exit(ExitStatus.failed.rawValue) }
  }

  /// Hands over the result of the command: with `--json` it prints the object, else the text.
  ///
  /// Every result goes through here, so that whoever runs the command can have it, too.
  func report(_ json: JSONValue, text: @autoclosure () throws -> String) rethrows {
    recorder?.hasResult(json)
    onReport?(json)
    guard printsReport else { return }
    print(self.json ? json.text : try text())
  }

  /// Ends the record of the run, and announces it.
  func end(_ recorder: RunRecorder, _ state: RunRecord.State, _ message: String?) {
    for problem in recorder.end(state, message: message) { note("warning: \(problem)") }
    note("run \(recorder.id)")
  }

  func log(_ configuration: RecommenderConfiguration) -> Telemetry.Log { log(sink(configuration)) }

  /// The sink decides which lines are written.
  func log(_ sink: StandardErrorSink) -> Telemetry.Log { Telemetry.Log(component: "freshet", sink: sink, level: .debug) }

  func sink(_ configuration: RecommenderConfiguration) -> StandardErrorSink {
    StandardErrorSink(
      format: LogFormat(rawValue: configuration.log.format.rawValue) ?? .auto,
      minimumLevel: parsed.global.verbose ? .debug : LogLevel(name: configuration.log.level.rawValue) ?? .info,
      instance: configuration.instance.id)
  }
}
