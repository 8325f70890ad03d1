import Telemetry
import Foundation

/// Puts a configuration together from flags, environment, file and defaults, in this order of precedence.
public enum ConfigurationLoader {
  /// Where a file is looked for when neither `--config` nor `FRESHET_CONFIG` names one.
  public static let searchPaths = ["freshet.json", "/etc/freshet/freshet.json"]

  /// Variables that begin like ours and set no key.
  static let otherVariables: Set<String> = ["FRESHET_CONFIG", "FRESHET_DATA", "FRESHET_REQUIRE_SERVERS", "FRESHET_TESTDATA"]

  /// Loads and checks everything; all that is wrong is in the one error.
  ///
  /// - Parameters:
  ///   - flags: keys and values in the order given; the last of a key wins.
  ///   - file: must exist when given.
  ///   - presets: defaults of one command where they differ from the engine's; a file overrides them.
  public static func load(
    flags: [(key: String, value: String)] = [], environment: [String: String] = [:], file: String? = nil,
    presets: (command: String, values: [(key: String, value: String)])? = nil, searchPaths: [String] = searchPaths
  ) throws(ConfigurationError) -> LoadedConfiguration {
    var merge = ConfigurationMerge()
    for (key, value) in presets?.values ?? [] { merge.assign(key, .text(value), .command(presets?.command ?? "")) }
    let path = file ?? environment["FRESHET_CONFIG"].flatMap { $0.isEmpty ? nil : $0 }
    let found = path ?? searchPaths.first { FileManager.default.fileExists(atPath: $0) }
    if let found { read(file: found, into: &merge) }
    read(environment: environment, into: &merge)
    for (key, value) in flags { assign(flag: key, value, into: &merge) }
    var (configuration, origins) = merge.finished()
    readPassword(into: &configuration, &origins, &merge)
    guard merge.problems.isEmpty else { throw ConfigurationError(problems: merge.problems) }
    return LoadedConfiguration(configuration: configuration, origins: origins, file: found)
  }

  private static func assign(flag key: String, _ value: String, into merge: inout ConfigurationMerge) {
    if Redaction.isSensitive(name: key), ConfigurationTable.key(named: key)?.isSecret == true || ConfigurationTable.mapEntry(key) != nil {
      let instead =
        key == "redis.password"
        ? "set redis.password_file, or FRESHET_REDIS_PASSWORD in the environment" : "put it into the configuration file (mode 0600)"
      merge.fail(key, "\(key) (flag): a secret in a flag is seen by every user of this machine: \(instead)")
    } else {
      merge.assign(key, .text(value), .flag)
    }
  }

  // MARK: Environment

  private static func read(environment: [String: String], into merge: inout ConfigurationMerge) {
    for (name, value) in environment.sorted(by: { $0.key < $1.key }) {
      guard name.hasPrefix("FRESHET_"), !otherVariables.contains(name), !value.isEmpty else { continue }
      if let key = keysByVariable[name] {
        merge.assign(key, .text(value), .environment(name))
      } else if let map = mapPrefixes.first(where: { name.hasPrefix($0.variable) }) {
        merge.fail(nil, "\(name): \(map.key) is set by the file or with --set \(map.key).NAME=VALUE, not by the environment")
      } else {
        let near = suggestion(forVariable: name).map { "; did you mean \($0)?" } ?? ""
        merge.fail(nil, "unknown environment variable \(name)" + near)
      }
    }
  }

  private static func suggestion(forVariable name: String) -> String? {
    let known = keysByVariable.keys.sorted() + otherVariables.sorted()
    // FRESHET_FACTORS: the group was left out.
    return known.first { $0.hasSuffix(name.dropFirst("FRESHET".count)) } ?? Suggestion.nearest(to: name, in: known)
  }

  private static let keysByVariable: [String: String] = Dictionary(
    uniqueKeysWithValues: ConfigurationTable.keys.compactMap { key in key.environmentName.map { ($0, key.name) } })

  private static let mapPrefixes: [(variable: String, key: String)] = ConfigurationTable.keys.compactMap { key in
    key.environmentName == nil ? ("FRESHET_" + key.name.uppercased().replacing(".", with: "_"), key.name) : nil
  }

  // MARK: File

  private static func read(file path: String, into merge: inout ConfigurationMerge) {
    guard let data = FileManager.default.contents(atPath: path) else {
      return merge.fail(nil, "configuration file \(path): it does not exist or cannot be read")
    }
    let root: ConfigurationInput
    do {
      root = try JSONDecoder().decode(ConfigurationInput.self, from: data)
    } catch {
      return merge.fail(nil, "configuration file \(path): not valid JSON: \(reason(error))")
    }
    guard case .object(let members) = root else {
      return merge.fail(nil, "configuration file \(path): must hold one JSON object, such as {\"model\": {\"factors\": 64}}")
    }
    var secret: String?
    for (name, input) in leaves(of: members, prefix: "") {
      merge.assign(name, input, .file(path))
      if Redaction.isSensitive(name: name), input != .null { secret = secret ?? name }
    }
    if let secret, let mode = openMode(path) {
      merge.fail(secret, "configuration file \(path): it holds a secret (\(secret)), so its mode must be 0600, not \(mode)")
    }
  }

  /// Nested and dotted names alike, in the order of their names.
  private static func leaves(of members: [String: ConfigurationInput], prefix: String) -> [(String, ConfigurationInput)] {
    members.sorted { $0.key < $1.key }.flatMap { name, input in
      if case .object(let inner) = input { return leaves(of: inner, prefix: prefix + name + ".") }
      return [(prefix + name, input)]
    }
  }

  private static func reason(_ error: any Error) -> String {
    guard case DecodingError.dataCorrupted(let context) = error else { return "\(error)" }
    let underlying = context.underlyingError.map { ($0 as NSError).userInfo[NSDebugDescriptionErrorKey] as? String ?? "\($0)" }
    return underlying ?? context.debugDescription
  }

  // MARK: Password

  private static func readPassword(
    into configuration: inout RecommenderConfiguration, _ origins: inout [String: ConfigurationOrigin], _ merge: inout ConfigurationMerge
  ) {
    let path = configuration.redis.passwordFile
    guard !path.isEmpty else { return }
    let place = "redis.password_file = \(path) (\(origins["redis.password_file"] ?? .default))"
    guard let data = FileManager.default.contents(atPath: path) else {
      return merge.fail("redis.password_file", "\(place): it does not exist or cannot be read")
    }
    if let mode = openMode(path) { return merge.fail("redis.password_file", "\(place): its mode must be 0600, not \(mode)") }
    guard let text = String(data: data, encoding: .utf8)?.trimmingCharacters(in: .newlines), !text.isEmpty else {
      return merge.fail("redis.password_file", "\(place): it is empty or not UTF-8")
    }
    configuration.redis.password = text
    origins["redis.password"] = .file(path)
  }

  /// The mode of a file that others than its owner may touch, in octal; `nil` when it is private.
  private static func openMode(_ path: String) -> String? {
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & 0o077 != 0 else { return nil }
    let digits = String(status.st_mode & 0o777, radix: 8)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }
}
