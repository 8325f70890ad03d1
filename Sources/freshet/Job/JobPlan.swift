import StreamingRecommender

/// Turns a document into the command lines of its steps, without looking at any file.
struct JobPlan {
  let document: JobDocument
  /// Where the document is; its paths are relative to this directory.
  let home: String
  /// The directory for what the job makes.
  let output: String
  /// Settings of a job that is repeated; the document's go before them.
  var pinned: [String] = []
  /// Options that every step gets after those of the document, such as further `--set`.
  var globalArguments: [String] = []

  /// The steps in their order.
  ///
  /// - Throws: `ConfigurationError` with everything that is missing or cannot be.
  func steps() throws(ConfigurationError) -> [JobStep] {
    var problems = problems
    var steps: [JobStep] = []
    var data = path(document.file)
    switch place(document.file) {
    case .refused(let reason): problems.append(reason)
    case .inPlace: break
    case .copied(let store, let name, let file):
      data = file
      steps.append(step(.get, [store, name, file, "--force"]))
    }
    for id in JobStep.ID.allCases { if let section = document.sections[id] { steps.append(step(id, arguments(id, section, data))) } }
    guard problems.isEmpty else { throw ConfigurationError(problems: problems.map { .init(key: nil, message: $0) }) }
    return steps
  }

  /// What the steps need of one another.
  private var problems: [String] {
    let sections = document.sections
    var problems: [String] = []
    if sections[.evaluate] != nil {
      if sections[.train] == nil { problems.append("evaluate measures the factors of train: add \"train\": {}") }
      if sections[.split] == nil, document.test == nil {
        problems.append("evaluate needs a test part: add \"split\": {}, or name a file with data.test")
      }
    }
    if sections[.split] != nil, document.test != nil { problems.append("split and data.test are two test parts: leave one of them away") }
    if let test = document.test, test.contains("://") { problems.append("data.test is a file of this machine, not \(test)") }
    if let predict = sections[.predict], sections[.save] == nil, predict["model"] == nil {
      problems.append("predict needs a model: add \"save\": {}, or name a directory with predict.model")
    }
    if document.isExplicit, document.value != nil {
      problems.append("data.value has no meaning with explicit feedback: values are ratings")
    }
    return problems
  }

  // MARK: Data

  private enum Place {
    case inPlace
    case copied(store: String, name: String, file: String)
    case refused(String)
  }

  private func place(_ address: String) -> Place {
    guard address.contains("://") else { return .inPlace }
    guard address.hasPrefix("s3://") || address.hasPrefix("file://") else {
      return .refused(
        "data.file: \(address) cannot be copied: fetch it first, for example with curl -O, and name the file; s3:// and file:// work")
    }
    let parts = address.split(separator: "?", maxSplits: 1).map(String.init)
    guard let slash = parts[0].lastIndex(of: "/"), parts[0][..<slash].count > "file://".count else {
      return .refused("data.file: \(address) names no object: write s3://BUCKET/NAME")
    }
    let name = String(parts[0][parts[0].index(after: slash)...])
    // A directory of Parquet files is read where it is.
    guard name.contains(".") else { return .inPlace }
    let settings = parts.count > 1 ? "?\(parts[1])" : ""
    return .copied(store: parts[0][..<slash] + settings, name: name, file: made(JobStep.ID.get.outputName) + "/" + name)
  }

  /// The parts of a split have the form of the data.
  private var ending: String {
    let name = document.file.lowercased()
    let isJSON = document.reading["format"] == "jsonl" || [".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz"].contains(where: name.hasSuffix)
    return isJSON ? "jsonl" : "csv"
  }

  /// What train and evaluate read, and how.
  private func parts(_ data: String) -> (train: String, test: String?, reading: [String]) {
    guard let split = document.sections[.split] else { return (data, document.test.map(path), reading) }
    let directory = made(split["output"] ?? JobStep.ID.split.outputName)
    // Its names and times are understood by themselves.
    let isAccepted = document.reading["accept-columns"] == "true"
    return ("\(directory)/train.\(ending)", "\(directory)/test.\(ending)", isAccepted ? ["--accept-columns"] : [])
  }

  private var reading: [String] { JobTable.reading.flatMap { option in document.reading[option.long].map { argument(option, $0) } ?? [] } }

  // MARK: Steps

  private func arguments(_ id: JobStep.ID, _ section: [String: String], _ data: String) -> [String] {
    let own = JobTable.options(of: id).flatMap { option in
      option.long == "output" ? [] : section[option.long].map { argument(option, $0) } ?? []
    }
    let isFormatGiven = id == .predict && section["format"] != nil
    let made = made(section["output"] ?? (isFormatGiven ? "lists.\(section["format"] ?? "")" : id.outputName))
    let value = document.value.map { ["--value", $0] } ?? []
    let parts = parts(data)
    switch id {
    case .get: return []
    case .split: return ["--data", data, "--output", made] + own + reading + ["--force"]
    case .train:
      return (document.isExplicit ? ["--explicit"] : []) + ["--train", parts.train, "--output", made] + own + value + parts.reading
    case .evaluate:
      let factors = self.made(document.sections[.train]?["output"] ?? JobStep.ID.train.outputName)
      return ["--model", factors, "--train", parts.train, "--test", parts.test ?? "", "--output", made] + own + value + parts.reading
        + ["--force"]
    case .save: return ["--data", data, "--output", made] + (document.isExplicit ? ["--value", "weight"] : value) + reading + ["--force"]
    case .predict:
      let saved = section["model"] == nil ? ["--model", self.made(document.sections[.save]?["output"] ?? JobStep.ID.save.outputName)] : []
      return saved + own + ["--output", made, "--force"]
    }
  }

  private func step(_ id: JobStep.ID, _ arguments: [String]) -> JobStep {
    let settings = (pinned + document.settings).filter { !Self.isStatic(id) || !Self.isLive($0) }.flatMap { ["--set", $0] }
    return JobStep(id: id, arguments: CommandTable.command(id.command).path + arguments + settings + globalArguments)
  }

  /// Training a file as a whole has no use for the parts of the model that need the order of events; they are for the saved model.
  private static func isStatic(_ id: JobStep.ID) -> Bool { id == .train || id == .evaluate }

  private static func isLive(_ setting: String) -> Bool {
    CommandTable.withoutLiveParts.contains { setting.hasPrefix($0.key + "=") || setting.hasPrefix($0.key + ".") }
  }

  private func argument(_ option: CommandOption, _ value: String) -> [String] {
    if option.kind == .flag {
      return value == "true" ? ["--\(option.long)"] : value == "false" ? ["--no-\(option.long)"] : ["--\(option.long)=\(value)"]
    }
    let word = JobTable.inputs.contains(option.long) ? path(value) : value
    return word.hasPrefix("--") ? ["--\(option.long)=\(word)"] : ["--\(option.long)", word]
  }

  // MARK: Paths

  /// A path of the document.
  private func path(_ path: String) -> String { Self.join(home, path) }

  /// A place for what a step makes.
  private func made(_ path: String) -> String { Self.join(output, path) }

  static func join(_ directory: String, _ path: String) -> String {
    if path.hasPrefix("/") || path.contains("://") || path == "-" { return path }
    return directory.isEmpty || directory == "." ? path : directory + "/" + path
  }
}
