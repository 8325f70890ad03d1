import Foundation
import Testing

@testable import StreamingRecommender

@Suite struct ConfigurationTableTests {
  @Test func everyNameIsUniqueAndDotted() {
    let names = ConfigurationTable.keys.map(\.name)
    #expect(Set(names).count == names.count)
    for group in ConfigurationTable.groups {
      #expect(group.keys.allSatisfy { $0.name.hasPrefix(group.name + ".") })
    }
  }

  @Test func everyEnvironmentNameIsUnique() {
    let names = ConfigurationTable.keys.compactMap(\.environmentName)
    #expect(Set(names).count == names.count)
  }

  @Test func everySentenceIsOneSentence() {
    for key in ConfigurationTable.keys {
      #expect(key.sentence.wholeMatch(of: /(librdkafka|[A-Z])[^|\n]{5,}[a-zA-Z0-9)`]\./) != nil, "\(key.name): \(key.sentence)")
      // A sentence that only repeats the name explains nothing.
      let words = key.sentence.lowercased().split { !$0.isLetter }.filter { $0.count > 3 }
      let nameWords = Set(key.name.split { $0 == "." || $0 == "_" }.map(String.init))
      #expect(words.contains { !nameWords.contains(String($0)) }, "\(key.name): \(key.sentence)")
    }
  }

  /// A key that did not take its own default could not be written down as it is shown.
  @Test func everyDefaultIsAValueOfItsKey() throws {
    for key in ConfigurationTable.keys {
      if case .map = key.kind { continue }
      if key.isSecret { continue }
      let text = key.text(key.defaultValue)
      #expect(try key.parse(.text(text)) == key.defaultValue, "\(key.name) = \(text)")
    }
  }

  @Test func writingEveryDefaultLeavesTheConfigurationAsItIs() {
    var configuration = RecommenderConfiguration()
    for key in ConfigurationTable.keys { key.write(&configuration, key.defaultValue) }
    #expect(configuration == RecommenderConfiguration())
  }

  /// Each field is reached: a key that writes elsewhere than it reads would show.
  @Test func everyKeyReadsWhatItWrote() throws {
    for key in ConfigurationTable.keys {
      let value: ConfigurationValue
      switch key.kind {
      case .string: value = .string("x")
      case .int(let range): value = .int(min(range.upperBound, range.lowerBound + 3))
      case .double(let range, _): value = .double(min(range.upperBound, 0.5))
      case .bool: value = .bool(key.defaultValue != .bool(true))
      case .boolOrList: value = .list(["x", "y"])
      case .duration(let range): value = .duration(min(range.upperBound, range.lowerBound + .seconds(3)))
      case .list(let choices): value = .list([choices?.last ?? "x"])
      case .choice(let words):
        value = key.groupSwitch == nil && key.noneWord != nil ? ConfigurationValue.none : .string(words[words.count - 1])
      case .map(let isNumeric): value = .map(["a.b": isNumeric ? "2" : "c"])
      }
      var configuration = RecommenderConfiguration()
      key.write(&configuration, value)
      #expect(key.value(in: configuration) == value, "\(key.name)")
      let others = ConfigurationTable.keys.filter { $0.name != key.name && $0.groupSwitch != key.name }
      for other in others { #expect(other.value(in: configuration) == other.defaultValue, "\(key.name) changed \(other.name)") }
    }
  }

  @Test(arguments: ConfigurationTable.planned.sorted()) func aKeyOfALaterVersionSaysSo(key: String) {
    #expect(ConfigurationTable.key(named: key) == nil)
    for load in [
      { try ConfigurationLoader.load(flags: [(key, "1")], searchPaths: []) },
      { try ConfigurationLoader.load(environment: [ConfigurationKey.environmentName(of: key): "1"], searchPaths: []) },
    ] {
      let error = #expect(throws: ConfigurationError.self) { try load() }
      #expect(
        error?.description.wholeMatch(of: /\S+ \(.*\) is planned but not available in this version; remove it/) != nil,
        "\(error?.description ?? "")")
      #expect(error?.description.hasPrefix(key + " (") == true)
    }
  }

  @Test(arguments: [
    ("model.solver", "ials++"), ("foldin.items", "touched"), ("input.format", "csv"), ("input.on_error", "halt"),
    ("redis.url", "rediss://h:1"), ("redis.url", "redis+sentinel://h"), ("redis.url", "redis+cluster://h"),
  ])
  func aValueOfALaterVersionSaysSo(key: String, value: String) {
    let error = #expect(throws: ConfigurationError.self) {
      try ConfigurationLoader.load(flags: [(key, value)], searchPaths: [])
    }
    #expect(error?.description.contains("planned but not available in this version") == true, "\(error?.description ?? "")")
  }

  /// Nothing in the table is there for show.
  @Test func everyKeyTakesMoreThanItsDefault() {
    for key in ConfigurationTable.keys {
      if case .choice(let words) = key.kind { #expect(words.count > 1, "\(key.name)") }
      if case .int(let range) = key.kind { #expect(range.lowerBound < range.upperBound, "\(key.name)") }
    }
    #expect(ConfigurationTable.keys.count > 80)
  }

  @Test func theCommittedDocumentIsTheTable() throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../../docs/configuration.md").standardized
    if ProcessInfo.processInfo.environment["FRESHETTEST_WRITE_DOCS"] != nil {
      try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try ConfigurationDocument.markdown().write(to: file, atomically: true, encoding: .utf8)
    }
    let committed = try String(contentsOf: file, encoding: .utf8)
    let isCurrent = committed == ConfigurationDocument.markdown()
    #expect(isCurrent, "docs/configuration.md is stale: run \(ConfigurationDocument.command)")
  }
}

@Suite struct ConfigurationDurationTests {
  @Test(arguments: [
    ("250ms", Duration.milliseconds(250)), ("5s", .seconds(5)), ("1h30m", .seconds(5400)), ("7d", .seconds(604_800)), ("0", .zero),
    ("0s", .zero), ("1.5s", .milliseconds(1500)), ("20us", .microseconds(20)),
  ])
  func durationsAreRead(text: String, expected: Duration) {
    #expect(ConfigurationDuration.parse(text) == expected)
  }

  @Test(arguments: ["", "5", "s", "-1s", "5 s", "1y", "5s ", "99999999999999999999d", "1..5s", "٣s", "none"])
  func otherTextIsNoDuration(text: String) {
    #expect(ConfigurationDuration.parse(text) == nil)
  }

  @Test(arguments: [0, 1, 999, 1000, 250_000, 5_000_000, 5_400_000_000, 604_800_000_000] as [Int64])
  func theTextOfADurationIsReadBack(microseconds: Int64) {
    let duration = Duration.microseconds(microseconds)
    #expect(ConfigurationDuration.parse(ConfigurationDuration.text(duration)) == duration)
  }
}

@Suite struct SuggestionTests {
  @Test func swappedNeighboursAreOneStep() {
    #expect(Suggestion.distance("fcators", "factors") == 1)
    #expect(Suggestion.distance("", "abc") == 3)
    #expect(Suggestion.distance("kitten", "sitting") == 3)
  }

  @Test(arguments: [
    ("model.factor", "model.factors"), ("factors", "model.factors"), ("modle.factors", "model.factors"), ("topics", "input.topics"),
    ("bootstrap_server", "kafka.bootstrap_servers"), ("redis.pasword_file", "redis.password_file"),
  ])
  func theNearestKeyIsSuggested(word: String, expected: String) {
    #expect(ConfigurationTable.suggestion(for: word) == expected)
  }

  @Test func nothingIsSuggestedForAStranger() {
    #expect(ConfigurationTable.suggestion(for: "weather") == nil)
  }
}
