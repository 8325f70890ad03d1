import Evaluation
import Foundation
import StreamingRecommender
import Telemetry

/// `freshet benchmark retrain`: measures trainings that run concurrently with a stream.
struct BenchmarkRetrainCommand {
  let context: CommandContext

  init(_ context: CommandContext) { self.context = context }

  func run() throws {
    let configuration = try context.loaded().configuration
    var benchmark = RetrainBenchmark(
      configuration, interactions: context.options.int("interactions")!, users: context.options.int("users"),
      items: context.options.int("items"))
    // Like `serve`, leave one processor to the stream.
    benchmark.threads = configuration.retrain.threads ?? max(1, ProcessInfo.processInfo.activeProcessorCount - 1)
    benchmark.tombstones = context.options.int("tombstones")!
    benchmark.newItems = context.options.int("new-items")!
    let bars = Bars(context)
    let outcome = benchmark.run { bars.show($0) }
    bars.finish()
    if context.json {
      context.print(json(benchmark, outcome).text)
    } else {
      show(benchmark, outcome)
    }
    for training in [outcome.first, outcome.warm] where training.record.result == .failed {
      throw CommandFailure("a training failed: \(training.record.message ?? "no reason known")")
    }
    guard outcome.cancelled.epochAfter == outcome.cancelled.epochBefore || outcome.cancelled.record.result == .accepted else {
      throw CommandFailure("a cancelled training changed the live model")
    }
  }

  // MARK: Output

  private func json(_ benchmark: RetrainBenchmark, _ outcome: RetrainBenchmark.Outcome) -> JSONValue {
    var output: JSONValue = [
      "interactions": .integer(outcome.atRest.interactions), "events": .integer(benchmark.interactions),
      "events_applied": .integer(outcome.eventsApplied), "users": .integer(outcome.warm.record.users),
      "items": .integer(outcome.warm.record.items),
      "factors": .integer(outcome.warm.record.factors), "threads": .integer(benchmark.threads),
      "kernel": .string(outcome.warm.record.kernel),
      "solver": .string(outcome.warm.record.solver), "events_per_second": .number(outcome.loadedPerSecond),
      "at_rest_without_model": json(outcome.atRestWithoutModel), "at_rest": json(outcome.atRest),
      "first": json(outcome.first), "turns_before": json(outcome.turns), "retrain": json(outcome.warm),
      "cancelled": json(outcome.cancelled), "state_hash": .string(outcome.warm.stateHash.description),
      "result_hash": .string(outcome.hash.description),
    ]
    if let tombstones = outcome.tombstones {
      output["tombstones"] = [
        "count": .integer(tombstones.count), "new_items": .integer(tombstones.newItems), "turns": .integer(Int(tombstones.turns.count)),
        "turn_max_ms": .number(Double(tombstones.turns.max) / 1e6), "total_ms": .number(tombstones.seconds * 1e3),
        "places": .integer(tombstones.places),
      ]
    }
    return output
  }

  private func json(_ memory: RetrainBenchmark.Memory) -> JSONValue {
    [
      "resident_bytes": .integer(memory.residentBytes), "resident_bytes_per_interaction": .number(memory.residentBytesPerInteraction),
      "state_bytes": .integer(memory.state.total), "bytes_per_interaction": .number(memory.stateBytesPerInteraction),
    ]
  }

  private func json(_ training: RetrainBenchmark.Training) -> JSONValue {
    let record = training.record
    var phases = JSONValue.object([])
    for phase in record.secondsPerPhase { phases[phase.name] = .number(phase.seconds) }
    var output: JSONValue = [
      "result": .string(record.result.rawValue), "interactions": .integer(record.pairs), "rows": .integer(record.trainingRows),
      "iterations": .integer(record.iterations), "seconds_total": .number(training.seconds), "seconds": phases,
      "freeze_ms": .number(training.freezeSeconds * 1e3), "install_ms": .number(training.installSeconds * 1e3),
      "resident_bytes_before": .integer(training.residentBytesBefore), "resident_bytes_peak": .integer(training.residentBytesPeak),
      "peak_bytes_per_interaction": .number(training.peakBytesPerInteraction),
    ]
    if let old = record.qualityOld, let new = record.qualityNew {
      output["recall_at_20_old"] = .number(old)
      output["recall_at_20_new"] = .number(new)
    }
    if training.turns.count > 0 { output["turns"] = json(training.turns) }
    if let seconds = training.secondsToCancel { output["seconds_to_cancel"] = .number(seconds) }
    return output
  }

  private func json(_ turns: RetrainBenchmark.Turns) -> JSONValue {
    var output: JSONValue = ["count": .integer(turns.count)]
    for (name, histogram) in [("turn", turns.work), ("delay", turns.delay)] {
      let figures = Figures(histogram)
      output[name + "_p50_ms"] = .number(figures.p50)
      output[name + "_p99_ms"] = .number(figures.p99)
      output[name + "_max_ms"] = .number(figures.max)
    }
    return output
  }

  private func show(_ benchmark: RetrainBenchmark, _ outcome: RetrainBenchmark.Outcome) {
    let record = outcome.warm.record
    context.print(
      "\(benchmark.interactions) events: \(outcome.atRest.interactions) interactions, \(record.users) users, \(record.items) items, \(record.factors) factors, \(benchmark.threads) threads (\(record.solver); \(record.kernel))"
    )
    context.print("\(ListText.fixed(outcome.loadedPerSecond, 0)) events a second while loading")
    for (name, memory) in [("without a model", outcome.atRestWithoutModel), ("with one", outcome.atRest)] {
      context.print(
        "at rest \(name): \(megabytes(memory.residentBytes)), \(ListText.fixed(memory.residentBytesPerInteraction, 0)) bytes an interaction; the engine counts \(ListText.fixed(memory.stateBytesPerInteraction, 0))"
      )
    }
    show("first model", outcome.first)
    show("retrain", outcome.warm)
    show(turns: [
      ("before", outcome.turns), ("during the retrain", outcome.warm.turns), ("during the cancelled one", outcome.cancelled.turns),
    ])
    show(cancelled: outcome.cancelled)
    if let tombstones = outcome.tombstones {
      context.print(
        "\(tombstones.count) tombstones after \(tombstones.newItems) new items: \(tombstones.turns.count) turns, the longest "
          + "\(ListText.fixed(Double(tombstones.turns.max) / 1e6, 1)) ms, together \(ListText.fixed(tombstones.seconds * 1e3, 1)) ms; "
          + "\(tombstones.places) places looked at")
    }
    context.print("result \(outcome.hash)")
  }

  private func show(_ name: String, _ training: RetrainBenchmark.Training) {
    let phases = training.record.secondsPerPhase.map { "\($0.name) \(ListText.fixed($0.seconds, 2))" }.joined(separator: ", ")
    context.print(
      "\(name): \(training.record.result.rawValue) after \(ListText.fixed(training.seconds, 2)) s (\(phases)); freeze \(ListText.fixed(training.freezeSeconds * 1e3, 1)) ms, install \(ListText.fixed(training.installSeconds * 1e3, 1)) ms"
    )
    context.print(
      "  at most \(megabytes(training.residentBytesPeak)), \(ListText.fixed(training.peakBytesPerInteraction, 0)) bytes an interaction (\(megabytes(training.residentBytesBefore)) before)"
    )
    if let message = training.record.message { context.print("  \(message)") }
  }

  private func show(turns: [(name: String, turns: RetrainBenchmark.Turns)]) {
    var table = TextTable(
      [.left, .right, .right, .right, .right, .right, .right, .right],
      header: ["turns of the stream, ms", "turns", "p50", "p99", "max", "delay p50", "p99", "max"])
    for (name, turns) in turns {
      let figures = [Figures(turns.work), Figures(turns.delay)].flatMap { [$0.p50, $0.p99, $0.max] }
      table.add([name, "\(turns.count)"] + figures.map { ListText.fixed($0, 2) })
    }
    context.print(String(table.description.dropLast()))
  }

  private func show(cancelled training: RetrainBenchmark.Training) {
    guard let seconds = training.secondsToCancel, training.record.result == .cancelled else {
      context.print("the training to cancel had ended before: \(training.record.result.rawValue)")
      return
    }
    context.print(
      "cancelled after \(ListText.fixed(training.seconds - seconds, 2)) s, ended \(ListText.fixed(seconds, 3)) s later; the live model is unchanged"
    )
  }

  private func megabytes(_ bytes: Int) -> String { "\(ListText.fixed(Double(bytes) / 1e6, 0)) MB" }

  /// Quantiles in milliseconds.
  private struct Figures {
    let p50: Double
    let p99: Double
    let max: Double

    init(_ histogram: LatencyHistogram) {
      let quantiles = histogram.quantiles([0.5, 0.99]).map { Double($0) / 1e6 }
      (p50, p99) = (quantiles[0], quantiles[1])
      max = Double(histogram.max) / 1e6
    }
  }

  /// A progress bar for each part in turn.
  private final class Bars {
    private let context: CommandContext
    private var current: (progress: RetrainBenchmark.Progress, bar: ProgressBar)?

    init(_ context: CommandContext) { self.context = context }

    func show(_ progress: RetrainBenchmark.Progress) {
      if current?.progress.label != progress.label {
        finish()
        current = (progress, context.progress(progress.label, total: progress.total))
      }
      current?.bar.update(progress.done)
    }

    func finish() {
      if let progress = current?.progress { current?.bar.finish(progress.total) }
      current = nil
    }
  }
}
