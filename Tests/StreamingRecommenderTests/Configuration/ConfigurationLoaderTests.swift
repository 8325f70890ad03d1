import Factorization
import Foundation
import Testing

@testable import StreamingRecommender

@Suite struct ConfigurationLoaderTests {
  @Test func withoutSourcesEverythingIsDefault() throws {
    let loaded = try load()
    #expect(loaded.configuration == RecommenderConfiguration())
    #expect(ConfigurationTable.keys.allSatisfy { loaded.origins[$0.name] == .default })
  }

  @Test func flagBeatsEnvironmentBeatsFileBeatsPreset() throws {
    let file = try TemporaryFile(#"{"model": {"factors": 10}, "model.iterations": 20, "topn": {"n": 7}}"#)
    let loaded = try load(
      flags: [("model.factors", "12")], environment: ["FRESHET_MODEL_FACTORS": "11", "FRESHET_TOPN_N": "8"], file: file.path,
      presets: ("train", [("model.iterations", "15"), ("model.warm_iterations", "15"), ("model.factors", "9")]))
    #expect(loaded.configuration.model.factors == 12)
    #expect(loaded.origins["model.factors"] == .flag)
    #expect(loaded.configuration.topN.n == 8)
    #expect(loaded.origins["topn.n"] == .environment("FRESHET_TOPN_N"))
    #expect(loaded.configuration.model.coldIterations == 20)
    #expect(loaded.origins["model.iterations"] == .file(file.path))
    #expect(loaded.configuration.model.warmIterations == 15)
    #expect(loaded.origins["model.warm_iterations"] == .command("train"))
  }

  @Test func theLastFlagOfAKeyWins() throws {
    #expect(try load(flags: [("topn.n", "3"), ("topn.n", "4")]).configuration.topN.n == 4)
  }

  @Test func nestedAndDottedKeysMeanTheSame() throws {
    let nested = try TemporaryFile(#"{"kafka": {"consumer": {"fetch": {"wait.max.ms": 10}}, "on_gap": "earliest"}}"#)
    let dotted = try TemporaryFile(#"{"kafka.consumer.fetch.wait.max.ms": "10", "kafka.on_gap": "earliest"}"#)
    #expect(try load(file: nested.path).configuration == load(file: dotted.path).configuration)
    #expect(try load(file: nested.path).configuration.kafka.consumer == ["fetch.wait.max.ms": "10"])
  }

  @Test func aKeySetNestedAndDottedIsAnError() throws {
    let file = try TemporaryFile(#"{"model": {"factors": 10}, "model.factors": 11}"#)
    #expect(messages { try load(file: file.path) }.contains { $0.contains("twice") })
  }

  @Test func mapsAreMergedEntryByEntry() throws {
    let file = try TemporaryFile(#"{"input": {"weights": {"view": 1, "purchase": 5}}}"#)
    let loaded = try load(flags: [("input.weights.purchase", "2.5")], file: file.path)
    #expect(loaded.configuration.input.weights == ["view": 1, "purchase": 2.5])
    #expect(loaded.origin(of: "input.weights.view") == .file(file.path))
    #expect(loaded.origin(of: "input.weights.purchase") == .flag)
  }

  @Test func typesOfJSONAreKept() throws {
    let file = try TemporaryFile(
      #"{"input.topics": ["a", "b"], "publish.vectors": false, "model.regularization": 0.5, "retrain.interval": "6h", "model.trend": null}"#
    )
    let configuration = try load(file: file.path).configuration
    #expect(configuration.input.topics == ["a", "b"])
    #expect(!configuration.publish.vectors)
    #expect(configuration.model.regularization == 0.5)
    #expect(configuration.retrain.interval == .seconds(21_600))
    #expect(configuration.model.trend == nil)
  }

  @Test func allProblemsAreReportedAtOnce() throws {
    let file = try TemporaryFile(#"{"model": {"factor": 10}, "topn.n": "many"}"#)
    let found = messages {
      try load(
        flags: [("model.factors", "0"), ("log.level", "infos")], environment: ["FRESHET_MODEL_SEDE": "1"], file: file.path)
    }
    #expect(found.count == 5)
    #expect(found.contains { $0.contains("unknown key model.factor") && $0.contains("did you mean model.factors?") })
    #expect(found.contains { $0.contains("topn.n = \"many\"") && $0.contains("1 to 1000") && $0.contains(file.path) })
    #expect(found.contains { $0.contains("model.factors = \"0\" (flag)") && $0.contains("1 to 1024") })
    #expect(found.contains { $0.contains("log.level") && $0.contains("did you mean info?") })
    #expect(found.contains { $0.contains("FRESHET_MODEL_SEDE; did you mean FRESHET_MODEL_SEED?") })
  }

  @Test(arguments: [
    ("model.factors", "1025"), ("model.regularization", "0"), ("model.regularization", "inf"), ("model.regularization", "nan"),
    ("topn.n", "0"), ("topn.n", "1001"), ("publish.ttl", "7"), ("publish.vectors", "yes"), ("input.topics", "a,,b"),
    ("input.topics", "a b"),
    ("kafka.bootstrap_servers", "broker"), ("redis.namespace", "{x}"), ("admin.listen", "0.0.0.0:9464"), ("redis.url", "http://h"),
    ("input.aliases", "amazon"), ("snapshot.keep", "0"), ("foldin.workers", "2.5"), ("model.seed", "-1"), ("model", "x"),
    ("kafka.common", "x"), ("input.weights.view", "much"), ("kafka.consumer.auto.offset.reset", "latest"),
    ("kafka.producer.partitioner", "random"), ("kafka.common.bootstrap.servers", "h:1"), ("kafka.group_id", "a b"),
  ])
  func valuesOutsideTheirRangeAreRefused(key: String, value: String) {
    #expect(messages { try load(flags: [(key, value)]) }.count == 1)
  }

  @Test(arguments: [
    ("h:1 ", "h:1"), (" h:1, h:2", "h:1,h:2"), ("PLAINTEXT://h:1", "h:1"), ("plaintext://h:1,PLAINTEXT://h:2", "h:1,h:2"),
    ("[::1]:9", "[::1]:9"),
  ])
  func brokersAreTakenAsOtherClientsTakeThem(text: String, expected: String) throws {
    #expect(try load(flags: [("kafka.bootstrap_servers", text)]).configuration.kafka.bootstrapServers == expected)
    let file = try TemporaryFile(#"{"kafka": {"bootstrap_servers": ["\#(text)"]}}"#)
    #expect(try load(file: file.path).configuration.kafka.bootstrapServers == expected)
  }

  @Test func aSchemeThatMeansAnotherProtocolIsRefusedWithTheKeyForIt() {
    let found = messages { try load(flags: [("kafka.bootstrap_servers", "SASL_SSL://h:1")]) }
    #expect(found.count == 1 && found[0].contains("kafka.common.security.protocol=SASL_SSL"), "\(found)")
  }

  @Test func anAdminAddressBeyondLoopbackNeedsAToken() throws {
    let found = messages { try load(flags: [("admin.listen", "0.0.0.0:9464")]) }
    #expect(found.first?.contains("admin.token_file") == true && found.first?.contains("probes.listen") == true, "\(found)")
    let flags = [("admin.listen", "0.0.0.0:9464"), ("admin.token_file", "/etc/freshet/token")]
    #expect(try load(flags: flags).configuration.admin.tokenFile == "/etc/freshet/token")
    #expect(try load(flags: [("probes.listen", "0.0.0.0:9465")]).configuration.probes.listen == "0.0.0.0:9465")
    for listen in ["127.0.0.1:1", "localhost:1", "[::1]:1", "none"] {
      #expect(try load(flags: [("admin.listen", listen)]).configuration.admin.tokenFile == "")
    }
  }

  @Test func importedListsHaveNamesAndWeights() throws {
    #expect(try load(flags: [("gateway.imported", "none")]).configuration.gateway.imported == [])
    let lists = try load(flags: [("gateway.imported", "ranker=0.5,editors")]).configuration.gateway.imported
    #expect(lists.compactMap { ImportedListWeight($0) } == [.init(name: "ranker", weight: 0.5), .init(name: "editors")])
    let bad = ["a=0", "a=x", "a=1000", "a,a=2", "é", "a@1", "a=", (0..<9).map { "a\($0)" }.joined(separator: ",")]
    for text in bad { #expect(messages { try load(flags: [("gateway.imported", text)]) }.count == 1, "\(text)") }
  }

  @Test func alphaAndUnobservedWeightExcludeEachOther() throws {
    let found = messages { try load(flags: [("model.alpha", "40"), ("model.unobserved_weight", "0.2")]) }
    #expect(found.contains { $0.contains("model.alpha = 40 (flag)") && $0.contains("model.unobserved_weight = 0.2 (flag)") })
    #expect(try load(flags: [("model.alpha", "40")]).configuration.model.alpha == 40)
  }

  // MARK: Parts

  @Test func aPartIsSwitchedOff() throws {
    let loaded = try load(flags: [("model.recency", "none"), ("model.trend", "none"), ("model.training_block", "none")])
    #expect(loaded.configuration.model.recency == nil)
    #expect(loaded.configuration.model.trend == nil)
    #expect(loaded.configuration.model.trainingBlock == nil)
    #expect(loaded.origin(of: "model.recency.floor") == .flag)
  }

  @Test func settingInsideAPartThatIsOffInTheSameSourceIsAnError() {
    let found = messages { try load(flags: [("model.recency", "none"), ("model.recency.floor", "0.5")]) }
    #expect(found.contains { $0.contains("model.recency.floor") && $0.contains("no effect") })
  }

  @Test func aStrongerSourceSwitchesAPartOffOrOn() throws {
    let inside = try TemporaryFile(#"{"model": {"recency": {"floor": 0.5}}}"#)
    #expect(try load(flags: [("model.recency", "none")], file: inside.path).configuration.model.recency == nil)
    let off = try TemporaryFile(#"{"model": {"recency": "none"}}"#)
    let on = try load(flags: [("model.recency.floor", "0.5")], file: off.path).configuration.model.recency
    #expect(on?.floor == 0.5 && on?.boost == RecencyWeights().boost)
  }

  // MARK: Files

  @Test func aFileThatIsNamedMustExist() {
    #expect(messages { try load(file: "no-such-file.json") }.first?.contains("no-such-file.json") == true)
    #expect(messages { try load(environment: ["FRESHET_CONFIG": "no-such-file.json"]) }.count == 1)
  }

  @Test func theFirstFileOfTheSearchPathIsRead() throws {
    let file = try TemporaryFile(#"{"topn.n": 5}"#)
    let loaded = try ConfigurationLoader.load(searchPaths: ["no-such-file.json", file.path])
    #expect(loaded.configuration.topN.n == 5)
    #expect(loaded.file == file.path)
  }

  @Test func aFileThatIsNoObjectIsRefused() throws {
    let file = try TemporaryFile("[1]")
    let found = messages { try load(file: file.path) }
    #expect(found.first == "configuration file \(file.path): must hold one JSON object, such as {\"model\": {\"factors\": 64}}")
  }

  @Test(arguments: [
    ("", "line 1, column 1: the file is empty"), ("{", "line 1, column 2: expected a field name in quotes, but the file ends here"),
    (#"{"topn.n": 5,, }"#, "line 1, column 14: expected a field name in quotes"), ("\u{0}", "line 1, column 1: expected a value"),
    ("{\n  \"topn.n\": 5\n  \"model.seed\": 1\n}", "line 3, column 3: expected , or }"),
    ("{\n  \"instance.id\": \"é\" x\n}", "line 2, column 22: expected , or }"),
    ("{\"a\": 1}\n}", "line 2, column 1: nothing may follow the closing bracket"),
    ("{\"topn.n\": 5,\n}", "line 2, column 1: expected a field name in quotes"),
    ("{\"topn.n\": yes}", "line 1, column 12: expected a value"),
  ])
  func brokenJSONNamesLineAndColumn(text: String, expected: String) throws {
    let file = try TemporaryFile(text)
    let found = messages { try load(file: file.path) }
    #expect(found == ["configuration file \(file.path): not valid JSON: \(expected)"])
  }

  // MARK: Environment

  @Test func variablesOfOthersAreLeftAlone() throws {
    let environment = [
      "FRESHET_CONFIG": "", "FRESHET_DATA": "x", "FRESHETTEST_FAULT": "1", "FRESHET_REQUIRE_SERVERS": "1", "FRESHET_TESTDATA": "t",
      "PATH": "/bin", "FRESHET_TOPN_N": "",
    ]
    #expect(try load(environment: environment).configuration == RecommenderConfiguration())
  }

  @Test func mapsAreNotTakenFromTheEnvironment() {
    let found = messages { try load(environment: ["FRESHET_KAFKA_COMMON_SECURITY_PROTOCOL": "SSL"]) }
    #expect(found.first?.contains("--set kafka.common.NAME=VALUE") == true)
  }

  @Test func aVariableWithoutItsGroupIsSuggested() {
    let found = messages { try load(environment: ["FRESHET_FACTORS": "3"]) }
    #expect(found.first?.contains("did you mean FRESHET_MODEL_FACTORS?") == true)
  }

  // MARK: Secrets

  @Test func aPasswordIsNeverTakenFromAFlag() {
    let found = messages { try load(flags: [("redis.password", "canary")]) }
    #expect(found.first?.contains("redis.password_file") == true)
    #expect(found.first?.contains("canary") == false)
    let kafka = messages { try load(flags: [("kafka.common.sasl.password", "canary")]) }
    #expect(kafka.count == 1 && kafka.first?.contains("canary") == false)
  }

  @Test(arguments: ["redis://user:canary@h:6379", "redis://:canary@h:6379/0", "redis://canary@h", "redis://h:1/0?password=canary"])
  func aPasswordInAURLIsRefusedAndNotRepeated(url: String) {
    let found = messages { try load(flags: [("redis.url", url)]) }
    #expect(found.first?.contains("redis.password_file") == true)
    #expect(found.first?.contains("canary") == false)
  }

  @Test(arguments: ["redis://h:6379", "redis://h", "redis://[::1]:6379/3", "unix:///run/redis.sock?db=2", "redis://127.0.0.1:6379/"])
  func ordinaryURLsAreAccepted(url: String) throws {
    #expect(try load(flags: [("redis.url", url)]).configuration.redis.url == url)
  }

  @Test func thePasswordComesFromTheEnvironmentOrAPrivateFile() throws {
    #expect(try load(environment: ["FRESHET_REDIS_PASSWORD": "canary"]).configuration.redis.password == "canary")
    let file = try TemporaryFile("from-file\n")
    let loaded = try load(
      flags: [("redis.password_file", file.path)], environment: ["FRESHET_REDIS_PASSWORD": "canary"])
    #expect(loaded.configuration.redis.password == "from-file")
    #expect(loaded.origin(of: "redis.password") == .file(file.path))
  }

  @Test func aPasswordFileThatOthersCanReadIsRefused() throws {
    let file = try TemporaryFile("canary", mode: 0o644)
    let found = messages { try load(flags: [("redis.password_file", file.path)]) }
    #expect(found.first?.contains("0600, not 0644; run `chmod 600 \(file.path)`") == true, "\(found)")
    #expect(found.first?.contains("canary") == false)
  }

  /// Orchestrators mount secrets so: owned by root, readable by a group that the process is in.
  @Test func aSecretThatTheOwnGroupMayReadIsAcceptedAndOneThatItMayWriteIsNot() throws {
    let readable = try TemporaryFile("canary", mode: 0o640)
    chown(readable.path, getuid(), getegid())
    #expect(try load(flags: [("redis.password_file", readable.path)]).configuration.redis.password == "canary")
    let writable = try TemporaryFile("canary", mode: 0o660)
    #expect(messages { try load(flags: [("redis.password_file", writable.path)]) }.first?.contains("not 0660") == true)
  }

  @Test(.disabled(if: getuid() != 0, "only root can give a file to another group"))
  func aSecretThatAnotherGroupMayReadIsRefused() throws {
    let file = try TemporaryFile("canary", mode: 0o640)
    chown(file.path, getuid(), 54_321)
    #expect(messages { try load(flags: [("redis.password_file", file.path)]) }.first?.contains("not 0640") == true)
  }

  @Test(arguments: [("", "empty"), ("\n\n", "empty"), (nil, "No such file")] as [(String?, String)])
  func aSecretFileWithoutASecretIsRefused(text: String?, expected: String) throws {
    let file = try text.map { try TemporaryFile($0) }
    let found = messages { try load(flags: [("redis.password_file", file?.path ?? "/no/such/secret")]) }
    #expect(found.count == 1 && found.first?.contains(expected) == true, "\(found)")
  }

  @Test func aSecretThatIsNotUTF8IsRefused() throws {
    let file = try TemporaryFile("x")
    try Data([0x66, 0xFF, 0x0A]).write(to: URL(filePath: file.path))
    #expect(messages { try load(flags: [("redis.password_file", file.path)]) }.first?.contains("not UTF-8") == true)
  }

  @Test func aConfigurationFileWithASecretMustBePrivate() throws {
    let text = #"{"kafka": {"common": {"sasl.password": "canary"}}}"#
    let open = try TemporaryFile(text, mode: 0o644)
    let found = messages { try load(file: open.path) }
    #expect(found.first?.contains("0600, not 0644") == true && found.first?.contains("chmod 600") == true)
    #expect(found.first?.contains("canary") == false)
    let closed = try TemporaryFile(text)
    #expect(try load(file: closed.path).configuration.kafka.common["sasl.password"] == "canary")
  }

  @Test func noOutputShowsASecret() throws {
    let file = try TemporaryFile(
      #"{"kafka": {"common": {"sasl.password": "canary1", "ssl.key.password": "canary2", "sasl.username": "visible"}}}"#)
    let loaded = try load(environment: ["FRESHET_REDIS_PASSWORD": "canary3"], file: file.path)
    for output in [loaded.rendered(), loaded.renderedJSON()] {
      #expect(!output.contains("canary"))
      #expect(output.contains("***"))
      #expect(output.contains("visible"))
    }
  }

  // MARK: Showing

  @Test func whatIsShownNamesKeyValueAndOrigin() throws {
    let loaded = try load(flags: [("model.factors", "96")])
    #expect(loaded.rows.contains(LoadedConfiguration.Row(key: "model.factors", value: "96", origin: "flag")))
    #expect(loaded.rows.contains(LoadedConfiguration.Row(key: "publish.ttl", value: "7d", origin: "default")))
    // Held in single precision, shown as written.
    #expect(loaded.rows.contains(LoadedConfiguration.Row(key: "model.recency.floor", value: "0.03", origin: "default")))
    #expect(loaded.rows.contains(LoadedConfiguration.Row(key: "model.recency.gap_scale", value: "5m", origin: "default")))
    #expect(loaded.rows.contains(LoadedConfiguration.Row(key: "redis.password", value: "none", origin: "default")))
    #expect(loaded.renderedJSON().contains(#""model.factors":{"origin":"flag","value":96}"#))
  }

  @Test func whatIsShownLoadsAgainAsTheSame() throws {
    let first = try load(flags: [
      ("model.recency", "none"), ("retrain.interval", "90m"), ("input.topics", "a,b"), ("publish.max_rate", "5"),
    ])
    let maps = Set(ConfigurationTable.keys.filter { if case .map = $0.kind { true } else { false } }.map(\.name) + ["redis.password"])
    let again = first.rows.filter { !maps.contains($0.key) && !$0.key.hasPrefix("model.recency.") }.map { ($0.key, $0.value) }
    #expect(try load(flags: again).configuration == first.configuration)
  }

  // MARK: Resolving

  @Test func whatIsLeftToTheMachineIsFilledIn() {
    let configuration = RecommenderConfiguration()
    let root = configuration.resolved(isRoot: true, environment: ["XDG_STATE_HOME": "/x"], hostName: "node 7", homeDirectory: "/home/u")
    #expect(root.instance.dataDirectory == "/var/lib/freshet")
    #expect(root.snapshot.directory == "/var/lib/freshet/snapshots")
    #expect(root.instance.id == "node-7" && root.kafka.groupInstanceID.hasPrefix("node-7-"))
    let user = configuration.resolved(isRoot: false, environment: ["XDG_STATE_HOME": "/x"], hostName: "h", homeDirectory: "/home/u")
    #expect(user.instance.dataDirectory == "/x/freshet")
    let bare = configuration.resolved(isRoot: false, environment: [:], hostName: "", homeDirectory: "/home/u")
    #expect(bare.instance.dataDirectory == "/home/u/.local/state/freshet")
    #expect(bare.instance.id == "freshet")
  }

  @Test func aMemberIsNamedAfterTheInstanceAndItsDirectory() {
    func member(_ directory: String, id: String = "a") -> String {
      var configuration = RecommenderConfiguration()
      configuration.instance.id = id
      configuration.instance.dataDirectory = directory
      return configuration.resolved().kafka.groupInstanceID
    }
    // The same in every version: another name would wait for the session of the old one.
    #expect(member("/data/one") == "a-0e841861")
    #expect(member("/data/one") == member("/data/../data/one/"))
    #expect(member("/data/one") != member("/data/two"))
    #expect(member("/data/one") != member("/data/one", id: "b"))
    #expect(member("one") == member(FileManager.default.currentDirectoryPath + "/one"))
  }

  @Test(arguments: PassedProperties.refused) func aRefusedPropertyOfLibrdkafkaIsAProblem(property: String) throws {
    let found = messages { try load(flags: [("kafka.common." + property, "x")]) }
    #expect(found.count == 1 && found[0].contains("kafka.common.\(property) (flag): refused: "), "\(found)")
  }

  @Test func aDeadLetterTopicThatIsReadAsInputIsRefused() throws {
    let explicit = messages { try load(flags: [("input.topics", "a,b"), ("kafka.dlq_topic", "b")]) }
    #expect(explicit.count == 1 && explicit[0].hasPrefix("kafka.dlq_topic = b (flag): is one of input.topics"), "\(explicit)")
    let implied = messages { try load(flags: [("input.topics", "a,a.dlq")]) }
    #expect(implied.count == 1 && implied[0].hasPrefix("input.topics (flag): a.dlq holds the dead letters of a"), "\(implied)")
    #expect(messages { try load(flags: [("input.topics", "a,a.dlq"), ("kafka.dlq_topic", "letters")]) } == [])
  }

  @Test func aDynamicMemberStaysOne() {
    var configuration = RecommenderConfiguration()
    configuration.kafka.groupInstanceID = "none"
    #expect(configuration.resolved().kafka.groupInstanceID == "none")
  }

  // MARK: Help

  private func load(
    flags: [(key: String, value: String)] = [], environment: [String: String] = [:], file: String? = nil,
    presets: (command: String, values: [(key: String, value: String)])? = nil
  ) throws -> LoadedConfiguration {
    try ConfigurationLoader.load(flags: flags, environment: environment, file: file, presets: presets, searchPaths: [])
  }

  private func messages(_ body: () throws -> LoadedConfiguration) -> [String] {
    do {
      _ = try body()
      return []
    } catch let error as ConfigurationError {
      return error.problems.map(\.message)
    } catch {
      return ["\(error)"]
    }
  }
}

/// A file that lives as long as this value.
private final class TemporaryFile {
  let path: String

  init(_ text: String, mode: Int = 0o600) throws {
    path = FileManager.default.temporaryDirectory.appending(path: "freshet-\(UUID().uuidString)").path
    try Data(text.utf8).write(to: URL(filePath: path))
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}
