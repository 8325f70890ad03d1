import Telemetry

/// What a run says, in pieces that MLflow takes: legal names, values within its limits, and batches that are not too large.
struct MLflowEntries {
  static let paramsPerBatchMax = 100
  static let metricsPerBatchMax = 1000
  /// MLflow takes 1,000,000 bytes in one request.
  static let batchBytesMax = 900_000
  static let paramCharactersMax = 6000
  static let tagCharactersMax = 8000

  /// The bodies of `runs/log-batch`, each without its `run_id`.
  let batches: [JSONValue]
  let omittedMetrics: [String]
  let shortenedValues: [String]

  init(_ run: TrackedRun) {
    var omitted = Names()
    var shortened = Names()
    let params = Self.texts(run.params, charactersMax: Self.paramCharactersMax, &shortened)
    let tags = Self.texts(run.tags, charactersMax: Self.tagCharactersMax, &shortened)
    let single = run.metrics.map { TrackedRun.Point($0.name, step: 0, value: $0.value, milliseconds: run.endedMilliseconds) }
    let metrics = Self.points(single + run.series, &omitted)
    batches =
      Self.split(params, countMax: Self.paramsPerBatchMax).map { ["params": .array($0)] }
      + Self.split(tags, countMax: Self.paramsPerBatchMax).map { ["tags": .array($0)] }
      + Self.split(metrics, countMax: Self.metricsPerBatchMax).map { ["metrics": .array($0)] }
    omittedMetrics = omitted.names
    shortenedValues = shortened.names
  }

  /// Names in the order in which they came, each once.
  private struct Names {
    private(set) var names: [String] = []
    private var known: Set<String> = []
    mutating func add(_ name: String) { if known.insert(name).inserted { names.append(name) } }
  }

  /// Of several values under one name the last counts: MLflow refuses a parameter that changes.
  private static func texts(_ pairs: [(name: String, value: String)], charactersMax: Int, _ shortened: inout Names) -> [JSONValue] {
    var values: [String: String] = [:]
    var order = Names()
    for pair in pairs {
      order.add(pair.name)
      values[pair.name] = pair.value
    }
    var legal = MLflowNames()
    return order.names.map { name in
      let value = values[name] ?? ""
      let short = shortenedText(value, charactersMax: charactersMax)
      if short != nil { shortened.add(name) }
      return ["key": .string(legal.legal(name)), "value": .string(short ?? value)]
    }
  }

  /// Returns `nil` if the text is short enough. MLflow counts Unicode scalars.
  static func shortenedText(_ text: String, charactersMax: Int) -> String? {
    // No text has more scalars than bytes.
    guard text.utf8.count > charactersMax else { return nil }
    let count = text.unicodeScalars.count
    guard count > charactersMax else { return nil }
    let mark = " ... [shortened: \(count) characters]"
    return String(String.UnicodeScalarView(text.unicodeScalars.prefix(charactersMax - mark.unicodeScalars.count))) + mark
  }

  /// MLflow would store NaN as 0, and infinity as a large number.
  private static func points(_ points: [TrackedRun.Point], _ omitted: inout Names) -> [JSONValue] {
    var legal = MLflowNames()
    var entries: [JSONValue] = []
    for point in points {
      guard point.value.isFinite else {
        omitted.add(point.name)
        continue
      }
      entries.append([
        "key": .string(legal.legal(point.name)), "value": .number(point.value), "timestamp": .integer(Int(point.milliseconds)),
        "step": .integer(point.step),
      ])
    }
    return entries
  }

  private static func split(_ entries: [JSONValue], countMax: Int) -> [[JSONValue]] {
    var batches: [[JSONValue]] = []
    var bytes = 0
    for entry in entries {
      let size = entry.bytes.count + 1
      if let count = batches.last?.count, count < countMax, bytes + size <= batchBytesMax {
        batches[batches.endIndex - 1].append(entry)
        bytes += size
      } else {
        batches.append([entry])
        bytes = size
      }
    }
    return batches
  }
}
