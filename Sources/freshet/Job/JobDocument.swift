import Foundation
import StreamingRecommender

/// What a JSON document of `freshet run` declares.
struct JobDocument: Equatable {
  /// The section `data`, without its paths: options that say how the file is read.
  private(set) var reading: [String: String] = [:]
  private(set) var file = ""
  /// A file to test with, in place of a split.
  private(set) var test: String?
  private(set) var value: String?
  private(set) var isExplicit = false
  private(set) var output: String?
  /// The sections of the steps that the job has, as values of options.
  private(set) var sections: [JobStep.ID: [String: String]] = [:]
  /// `--set` of every step, sorted by key.
  private(set) var settings: [String] = []

  /// Reads a file.
  ///
  /// - Throws: `ConfigurationError` with everything that is wrong.
  init(path: String) throws(ConfigurationError) {
    let members: [String: ConfigurationInput]
    do throws(ConfigurationFile.Fault) { members = try ConfigurationFile.members(path) } catch {
      throw ConfigurationError(problems: [.init(key: nil, message: "\(path): \(error)")])
    }
    try self.init(members, name: path)
  }

  /// - Parameter name: of the document, for errors.
  init(_ members: [String: ConfigurationInput], name: String) throws(ConfigurationError) {
    var problems: [String] = []
    var configuration: [String: ConfigurationInput] = [:]
    for (key, input) in members.sorted(by: { $0.key < $1.key }) {
      if let step = JobStep.ID(rawValue: key), step != .get {
        if let section = Self.section(step, input, &problems) { sections[step] = section }
      } else if key == JobTable.dataSection {
        readData(input, &problems)
      } else if key == JobTable.feedback {
        isExplicit = input == .text("explicit")
        if !JobTable.kinds.map(ConfigurationInput.text).contains(input) {
          problems.append("feedback is implicit or explicit, not \(input.shown)")
        }
      } else if key == JobTable.output {
        output = Self.text(key, input, &problems)
      } else if Self.groups.contains(String(key.prefix { $0 != "." })) {
        configuration[key] = input
      } else if key != JobTable.schema {
        problems.append(Self.unknown(key, "", known: Self.keys))
      }
    }
    settings = Self.settings(configuration, &problems)
    if file.isEmpty, members[JobTable.dataSection] == nil {
      problems.append("data is missing: name the file, such as \"data\": \"events.csv\"")
    }
    // A section that could not be read is no missing one.
    if !members.contains(where: { JobStep.ID(rawValue: $0.key) != nil && $0.value != .bool(false) }) {
      problems.append("there is no step: add split, train, evaluate, save or predict, such as \"save\": {}")
    }
    guard problems.isEmpty else {
      throw ConfigurationError(problems: problems.map { .init(key: nil, message: "\(name): \($0)") })
    }
  }

  /// The keys of the document itself.
  static let keys =
    [JobTable.schema, JobTable.dataSection, JobTable.feedback, JobTable.output]
    + JobStep.ID.allCases.filter { $0 != .get }.map(\.rawValue) + groups

  private static let groups = ConfigurationTable.groups.map(\.name)

  // MARK: Parts

  private mutating func readData(_ input: ConfigurationInput, _ problems: inout [String]) {
    if case .text(let path) = input { return file = path }
    guard case .object(let members) = input else {
      return problems.append("data is the path of a file or an object with file, not \(input.shown)")
    }
    for (key, input) in members.sorted(by: { $0.key < $1.key }) {
      guard JobTable.dataKeys.contains(key) else {
        problems.append(Self.unknown(key, "data.", known: JobTable.dataKeys))
        continue
      }
      guard let text = Self.text("data.\(key)", input, &problems) else { continue }
      switch key {
      case "file": file = text
      case "test": test = text
      case "value": value = text
      default: reading[key.replacing("_", with: "-")] = text
      }
    }
    if file.isEmpty { problems.append("data.file is missing: name the file with the interactions") }
  }

  /// The values of a step's options; `nil` where the document switches the step off.
  private static func section(_ step: JobStep.ID, _ input: ConfigurationInput, _ problems: inout [String]) -> [String: String]? {
    if case .bool(let isWanted) = input { return isWanted ? [:] : nil }
    guard case .object(let members) = input else {
      problems.append("\(step.rawValue) is an object, or true or false, not \(input.shown)")
      return nil
    }
    var values: [String: String] = [:]
    let known = JobTable.keys(of: step)
    for (key, input) in members.sorted(by: { $0.key < $1.key }) {
      guard known.contains(key) else {
        problems.append(unknown(key, "\(step.rawValue).", known: known))
        continue
      }
      values[key.replacing("_", with: "-")] = text("\(step.rawValue).\(key)", input, &problems)
    }
    return values
  }

  private static func unknown(_ key: String, _ prefix: String, known: [String]) -> String {
    let near = Suggestion.nearest(to: key, in: known).map { "did you mean \(prefix)\($0)?" }
    // Someone who forgets the group of a setting writes `factors`.
    let setting = prefix.isEmpty || prefix == "train." || prefix == "save." ? ConfigurationTable.suggestion(for: key) : nil
    return "unknown key \(prefix)\(key); \(near ?? setting.map { "did you mean \($0)?" } ?? "known: \(known.joined(separator: ", "))")"
  }

  private static func text(_ key: String, _ input: ConfigurationInput, _ problems: inout [String]) -> String? {
    if case .null = input { return nil }
    if case .list(let items) = input {
      let words = items.compactMap(\.scalar)
      if words.count == items.count { return words.joined(separator: ",") }
    }
    if let text = input.scalar { return text }
    problems.append("\(key) is one value, not \(input.shown)")
    return nil
  }

  private static func settings(_ members: [String: ConfigurationInput], _ problems: inout [String]) -> [String] {
    ConfigurationFile.leaves(of: members).compactMap { key, input in
      if case .null = input { return "\(key)=none" }
      return text(key, input, &problems).map { "\(key)=\($0)" }
    }
  }
}
