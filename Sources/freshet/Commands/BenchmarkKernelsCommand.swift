import Evaluation
import Telemetry

/// `freshet benchmark kernels`: measures each kernel and variant and compares it with the peak of this processor.
struct BenchmarkKernelsCommand {
  let context: CommandContext

  init(_ context: CommandContext) { self.context = context }

  func run() throws {
    var benchmark = KernelBenchmark()
    benchmark.factors = try context.loaded().configuration.model.factors
    let outcome = benchmark.run()
    if context.json {
      context.print(json(benchmark, outcome).text)
      return
    }
    var table = TextTable(
      [.left, .left, .left, .right, .right, .right, .right],
      header: ["kernel", "shape", "variant", "us", "GFLOP/s", "of peak", "GB/s"])
    for row in outcome.rows {
      table.add([
        row.kernel, row.shape, row.variant, ListText.fixed(row.microseconds, 3), ListText.fixed(row.gigaflops, 1),
        ListText.fixed(row.peakFraction * 100, 0) + " %", row.gigabytesPerSecond.map { ListText.fixed($0, 1) } ?? "",
      ])
    }
    context.print(String(table.description.dropLast()))
    let peaks = outcome.peaks.map { "\($0.variant) \(ListText.fixed($0.gigaflops, 0))" }.joined(separator: ", ")
    context.print("peak GFLOP/s of one core, multiply-adds in registers: \(peaks); result \(outcome.hash)")
  }

  private func json(_ benchmark: KernelBenchmark, _ outcome: KernelBenchmark.Outcome) -> JSONValue {
    var peaks = JSONValue.object([])
    for peak in outcome.peaks { peaks[peak.variant] = .number(peak.gigaflops) }
    let rows = outcome.rows.map { row -> JSONValue in
      var output: JSONValue = [
        "kernel": .string(row.kernel), "shape": .string(row.shape), "variant": .string(row.variant),
        "microseconds": .number(row.microseconds), "gflops": .number(row.gigaflops), "peak_fraction": .number(row.peakFraction),
        "result_hash": .string(row.hash.description),
      ]
      if let bandwidth = row.gigabytesPerSecond { output["gigabytes_per_second"] = .number(bandwidth) }
      return output
    }
    return [
      "factors": .integer(benchmark.factors), "peak_gflops": peaks, "kernels": .array(rows),
      "result_hash": .string(outcome.hash.description),
    ]
  }
}
