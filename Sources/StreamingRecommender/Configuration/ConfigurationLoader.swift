import Telemetry
import Foundation

/// Merges flags, environment variables, the file and defaults, in this order of precedence, into a configuration.
public enum ConfigurationLoader {
  /// The paths that are searched if neither `--config` nor `FRESHET_CONFIG` names a file.
  public static let searchPaths = ["freshet.json", "/etc/freshet/freshet.json"]

  /// Variables with the prefix `FRESHET_` that do not set a key.
  static let otherVariables: Set<String> = ["FRESHET_CONFIG", "FRESHET_DATA", "FRESHET_REQUIRE_SERVERS", "FRESHET_TESTDATA"]

  /// Loads and validates the configuration; the error contains all problems.
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
      merge.fail(key, "\(key) (flag): a secret in a flag is visible to every user of this machine: \(instead)")
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
      } else if let key = plannedByVariable[name] {
        merge.assign(key, .text(value), .environment(name))
      } else {
        let near = suggestion(forVariable: name).map { "; did you mean \($0)?" } ?? ""
        merge.fail(nil, "unknown environment variable \(name)" + near)
      }
    }
  }

  private static func suggestion(forVariable name: String) -> String? {
    let known = keysByVariable.keys.sorted() + otherVariables.sorted()
    // For a name such as FRESHET_FACTORS, in which the group is missing.
    return known.first { $0.hasSuffix(name.dropFirst("FRESHET".count)) } ?? Suggestion.nearest(to: name, in: known)
  }

  private static let keysByVariable: [String: String] = Dictionary(
    uniqueKeysWithValues: ConfigurationTable.keys.compactMap { key in key.environmentName.map { ($0, key.name) } })

  private static let plannedByVariable: [String: String] = Dictionary(
    uniqueKeysWithValues: ConfigurationTable.planned.map { (ConfigurationKey.environmentName(of: $0), $0) })

  private static let mapPrefixes: [(variable: String, key: String)] = ConfigurationTable.keys.compactMap { key in
    key.environmentName == nil ? (ConfigurationKey.environmentName(of: key.name), key.name) : nil
  }

  // MARK: File

  private static func read(file path: String, into merge: inout ConfigurationMerge) {
    let members: [String: ConfigurationInput]
    do {
      members = try ConfigurationFile.members(path)
    } catch {
      return merge.fail(nil, "configuration file \(path): \(error)")
    }
    var secret: String?
    for (name, input) in ConfigurationFile.leaves(of: members) {
      merge.assign(name, input, .file(path))
      if Redaction.isSensitive(name: name), input != .null { secret = secret ?? name }
    }
    if let secret, let fault = SecretFile.permissionFault(path) {
      merge.fail(secret, "configuration file \(path): it holds a secret (\(secret)), so \(fault); run `chmod 600 \(path)`")
    }
  }

  // MARK: Password

  private static func readPassword(
    into configuration: inout RecommenderConfiguration, _ origins: inout [String: ConfigurationOrigin], _ merge: inout ConfigurationMerge
  ) {
    let path = configuration.redis.passwordFile
    guard !path.isEmpty else { return }
    let place = "redis.password_file = \(path) (\(origins["redis.password_file"] ?? .default))"
    do {
      configuration.redis.password = try SecretFile.read(path)
      origins["redis.password"] = .file(path)
    } catch {
      merge.fail("redis.password_file", "\(place): \(error)")
    }
  }
}
