import Foundation
import KafkaIngest
import RedisPublishing
import SchemaRegistry
import StreamingRecommender
import Telemetry

/// `freshet doctor`: looks at the data directory, Kafka and Redis, and says what is wrong and how to fix it.
struct DoctorCommand {
  let context: CommandContext

  init(_ context: CommandContext) { self.context = context }

  func run() throws -> ExitStatus {
    // Loading reports problems of the configuration, all at once.
    let loaded = try context.loaded()
    let endpoints = try Endpoints.find(dataDirectory: loaded.configuration.instance.dataDirectory)
    let configuration = endpoints?.applied(to: loaded) ?? loaded.configuration
    var findings = [
      DoctorFinding("configuration", .ok, loaded.file.map { "\($0) is valid" } ?? "there is no file, and the options are valid")
    ]
    findings.append(
      endpoints.map { DoctorFinding("engine", .ok, "an engine runs with this data directory, process \($0.pid)") }
        ?? DoctorFinding("engine", .note, "no engine runs with the data directory \(configuration.instance.dataDirectory)"))
    findings += disk(configuration)
    findings += schemaRegistry(configuration)
    findings += KafkaDoctor(configuration).findings()
    findings += redis(configuration)
    show(findings)
    return findings.contains { $0.level == .error } ? .failed : .done
  }

  private func show(_ findings: [DoctorFinding]) {
    guard !context.json else {
      let isOK = !findings.contains { $0.level == .error }
      return context.print((["ok": .bool(isOK), "findings": .array(findings.map(\.json))] as JSONValue).text)
    }
    var table = TextTable([.left, .left, .left])
    for finding in findings { table.add([finding.level.rawValue, finding.check, finding.message]) }
    context.print(String(table.description.dropLast()))
  }

  // MARK: Disk

  private func disk(_ configuration: RecommenderConfiguration) -> [DoctorFinding] {
    let path = configuration.snapshot.directory
    guard let existing = Self.existing(path) else {
      return [DoctorFinding("disk", .error, "\(path) cannot be examined: name another --data-dir")]
    }
    guard access(existing, W_OK | X_OK) == 0 else {
      return [
        DoctorFinding(
          "disk", .error, "\(existing) cannot be written by this user: run the engine as another user, or name another --data-dir")
      ]
    }
    var status = statvfs()
    guard statvfs(existing, &status) == 0 else { return [] }
    let sizes = ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).filter { $0.hasSuffix(".frs") }
      .compactMap { (try? FileManager.default.attributesOfItem(atPath: "\(path)/\($0)"))?[.size] as? Int }
    return [Diagnosis.disk(freeBytes: Int(status.f_bavail) * Int(status.f_frsize), snapshotBytes: sizes.max() ?? 0)]
  }

  /// The directory itself, or the nearest one above it in which it would be made.
  private static func existing(_ path: String) -> String? {
    var url = URL(fileURLWithPath: path).standardizedFileURL
    while !FileManager.default.fileExists(atPath: url.path) {
      guard url.path != "/" else { return nil }
      url.deleteLastPathComponent()
    }
    return url.path
  }

  // MARK: Schema registry

  private func schemaRegistry(_ configuration: RecommenderConfiguration) -> [DoctorFinding] {
    guard !configuration.schemaRegistry.urls.isEmpty else { return [] }
    let answers = RegistryClient(configuration.schemaRegistry).check()
    // One address that answers is enough to go on.
    let isUsable = answers.contains { $0.problem == nil }
    return answers.map { answer in
      guard let problem = answer.problem else {
        return DoctorFinding("schemas", .ok, "the schema registry answers at \(answer.url)")
      }
      return DoctorFinding("schemas", isUsable ? .warning : .error, "the schema registry at \(answer.url) cannot be used: \(problem)")
    }
  }

  // MARK: Redis

  private func redis(_ configuration: RecommenderConfiguration) -> [DoctorFinding] {
    do {
      let connection = try RedisConnection.open(configuration.redis, clientName: "freshet-doctor")
      var findings = [DoctorFinding("redis", .ok, "Redis answers at \(configuration.redis.url)")]
      // Rights beyond those of a writer are not needed; what may not be read is not judged.
      if let info = try connection.exchange(["INFO", "memory"]).text,
        let policy = info.split(whereSeparator: \.isNewline).first(where: { $0.hasPrefix("maxmemory_policy:") })
      {
        findings.append(Diagnosis.eviction(String(policy.dropFirst("maxmemory_policy:".count))))
      }
      if case .array(let parts) = try connection.exchange(["TIME"]), let seconds = parts.first?.text.flatMap({ Int64($0) }) {
        findings.append(Diagnosis.clock(differenceMilliseconds: seconds * 1000 - WallClock.milliseconds() + 500))
      }
      return try findings + namespace(configuration, connection)
    } catch { return [DoctorFinding("redis", .error, "\(error)")] }
  }

  private func namespace(_ configuration: RecommenderConfiguration, _ connection: RedisConnection) throws -> [DoctorFinding] {
    let keys = RedisKeys(prefix: configuration.redis.keyPrefix, namespace: configuration.redis.namespace)
    var findings: [DoctorFinding] = []
    let model = try connection.command(["HGETALL", keys.model]).fields ?? [:]
    if !model.isEmpty, model["format"] != RedisCommandEncoder.format {
      findings.append(
        DoctorFinding(
          "redis", .error,
          "\(keys.model) was not written by this version of Freshet, so an engine writes nothing there: choose another redis.namespace"))
    }
    if let writer = try connection.command(["GET", keys.writer]).text.flatMap({ WriterIdentity(text: $0) }) {
      let isOwn = writer.instance == configuration.instance.id
      findings.append(
        DoctorFinding(
          "redis", isOwn ? .ok : .warning,
          "\(writer) publishes to this namespace"
            + (isOwn ? "" : ": an engine that is started here gives way; choose another redis.namespace, or start it with --takeover")))
    }
    return findings
  }
}
