import Foundation
import StreamingRecommender
import Testing

@testable import freshet

@Suite struct CommandTableTests {
  @Test func everyCommandHasItsRow() {
    #expect(Set(CommandTable.commands.map(\.id)) == Set(CommandID.allCases))
    #expect(Set(CommandTable.commands.map(\.name)).count == CommandTable.commands.count)
  }

  @Test func noOptionIsThereTwice() {
    for command in CommandTable.commands {
      let options = command.options + CommandTable.globalOptions
      #expect(Set(options.map(\.long)).count == options.count, "\(command.name)")
      let letters = options.compactMap(\.short)
      #expect(Set(letters).count == letters.count, "\(command.name)")
    }
  }

  /// An example that does not parse would mislead.
  @Test func everyExampleIsACommandLineOfItsCommand() throws {
    for command in CommandTable.commands {
      #expect(!command.examples.isEmpty, "\(command.name)")
      for example in command.examples {
        let words = example.line.split(separator: ">")[0].split(separator: " ").map(String.init)
        #expect(words.first == "freshet")
        #expect(try CommandLineParser.parse(Array(words.dropFirst())).command.id == command.id, "\(example.line)")
      }
    }
  }

  @Test func everyDefaultIsAValueOfItsOption() {
    for option in CommandTable.commands.flatMap(\.options) {
      if let value = option.defaultValue { #expect(option.complaint(about: value) == nil, "--\(option.long)") }
    }
  }

  @Test func everyKeyThatIsSetExists() {
    for command in CommandTable.commands {
      for key in (command.options + CommandTable.globalOptions).compactMap(\.key) + command.presets.map(\.key) {
        #expect(ConfigurationTable.key(named: key) != nil, "\(key)")
      }
    }
  }

  @Test func everyPresetLoads() throws {
    for command in CommandTable.commands where !command.presets.isEmpty {
      _ = try ConfigurationLoader.load(presets: (command.name, command.presets), searchPaths: [])
    }
  }

  @Test func theCommittedReferenceIsTheTable() throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../docs/cli.md").standardized
    if ProcessInfo.processInfo.environment["FRESHETTEST_WRITE_DOCS"] != nil {
      try CommandDocument.markdown().write(to: file, atomically: true, encoding: .utf8)
    }
    let committed = try String(contentsOf: file, encoding: .utf8)
    let isCurrent = committed == CommandDocument.markdown()
    #expect(isCurrent, "docs/cli.md is stale: run \(CommandDocument.command)")
  }
}

@Suite struct CommandLineParserTests {
  @Test func valuesFollowOrAreAttached() throws {
    for line in ["recommend u1 -n 5", "recommend -n5 u1", "recommend u1 --count=5", "recommend --count 5 u1", "recommend u1 -n=5"] {
      let parsed = try parse(line)
      #expect(parsed.command.id == .recommend)
      #expect(parsed.operands == ["u1"])
      #expect(parsed.options.int("count") == 5)
    }
  }

  @Test func anOptionThatIsNotGivenHasItsDefault() throws {
    let parsed = try parse("popular")
    #expect(parsed.options.int("count") == 10)
    #expect(!parsed.options.isSet("count"))
  }

  @Test func twoWordCommandsAreFound() throws {
    #expect(try parse("evaluate prequential --data f").command.id == .evaluatePrequential)
    #expect(try parse("--json config show").command.id == .configShow)
  }

  @Test func flagsAreSwitchedOffAgain() throws {
    #expect(try parse("retrain --wait").options.flag("wait"))
    #expect(try !parse("retrain --wait --no-wait").options.flag("wait"))
    #expect(try parse("retrain --wait=true --no-color").global.noColor)
  }

  @Test func afterTwoDashesEverythingIsAnOperand() throws {
    #expect(try parse("recommend -- --user").operands == ["--user"])
    #expect(try parse("similar -- -x").operands == ["-x"])
  }

  @Test func globalOptionsMayStandAnywhere() throws {
    let parsed = try parse("--json status --quiet --config f.json --data-dir d --set model.factors=8 --set kafka.common.a=b=c")
    #expect(parsed.global.json && parsed.global.quiet && !parsed.global.verbose)
    #expect(parsed.global.config == "f.json")
    #expect(parsed.global.dataDirectory == "d")
    #expect(parsed.global.set == [.init(key: "model.factors", value: "8"), .init(key: "kafka.common.a", value: "b=c")])
  }

  @Test func commonOptionsSetTheirKeys() throws {
    let parsed = try parse(
      "serve --topic a --topic b --redis redis://h:1 --namespace shop --bootstrap-servers h:9 --admin 127.0.0.1:1 --set redis.namespace=x")
    let configuration = try ConfigurationLoader.load(flags: parsed.configurationFlags, searchPaths: []).configuration
    #expect(configuration.input.topics == ["a", "b"])
    #expect(configuration.redis.url == "redis://h:1")
    #expect(configuration.redis.namespace == "shop")
    #expect(configuration.kafka.bootstrapServers == "h:9")
    #expect(configuration.admin.listen == "127.0.0.1:1")
  }

  @Test func trainIsStaticUnlessToldOtherwise() throws {
    let parsed = try parse("train --train f --factors 8 --set model.recency=on")
    let model = try parsed.loadConfiguration(environment: [:]).configuration.model
    #expect(model.factors == 8)
    #expect(model.coldIterations == 15)
    #expect(model.recency != nil)
    #expect(model.trend == nil && model.trainingBlock == nil)
  }

  @Test(arguments: [
    ("recomend u", "did you mean recommend?"), ("evaluate prequental", "did you mean evaluate prequential?"),
    ("evaluate x", "evaluate has: prequential"), ("config", "config show, config check"), ("weather", "freshet help"),
    ("recommend u --exclud a", "did you mean --exclude?"), ("--jsn status", "did you mean --json?"),
    ("similar", "similar needs ITEM"), ("similar a b", "does not take b"), ("recommend u -n 0", "1 to 10000"),
    ("recommend u -n five", "1 to 10000"), ("recommend u -n", "-n needs a value"), ("serve --config --json", "--config needs a value"),
    ("produce f --rate 5 --max", "only one of --rate, --speedup, --max"), ("produce f --format xml", "tsv, csv or jsonl"),
    ("train", "train needs --train FILE"), ("status --set model.factors", "KEY=VALUE"), ("status -x", "unknown option -x"),
    ("retrain --wait=maybe", "true or false"), ("produce f --rate nan", "a number"), ("--frobnicate", "unknown option --frobnicate"),
  ])
  func aWrongLineSaysWhatWouldBeRight(line: String, expected: String) {
    let error = #expect(throws: UsageError.self) { try parse(line) }
    #expect(error?.description.contains(expected) == true, "\(error?.description ?? "")")
  }

  @Test(arguments: ["similar", "produce f --rate 5 --max", "train", "recommend u -n 0"])
  func aWrongLineShowsTheUsage(line: String) {
    let error = #expect(throws: UsageError.self) { try parse(line) }
    #expect(error?.usage?.hasPrefix("freshet ") == true)
  }

  @Test(arguments: [
    ("", []), ("--help", []), ("-h", []), ("help recommend", ["recommend"]), ("recommend --help", ["recommend"]),
    ("evaluate --help", ["evaluate"]), ("config show -h", ["config", "show"]), ("help", []),
  ])
  func helpIsACommand(line: String, operands: [String]) throws {
    let parsed = try parse(line)
    #expect(parsed.command.id == .help)
    #expect(parsed.operands == operands)
  }

  @Test func versionIsAnOptionToo() throws {
    #expect(try parse("--version").command.id == .version)
  }

  private func parse(_ line: String) throws -> ParsedCommand {
    try CommandLineParser.parse(line.split(separator: " ").map(String.init))
  }
}

@Suite struct ErrorReportTests {
  @Test func everyErrorIsOneJSONObjectWithItsStatus() throws {
    let usage = ErrorReport(UsageError("unknown option -x", usage: "freshet status"))
    #expect(usage.json.text == #"{"error":"unknown option -x","problems":["unknown option -x"],"status":64,"usage":"freshet status"}"#)
    #expect(usage.text == "freshet: unknown option -x\nUsage: freshet status")
    let configuration = ErrorReport(
      ConfigurationError(problems: [.init(key: "a", message: "first"), .init(key: nil, message: "second")]))
    #expect(configuration.json.text == #"{"error":"first","problems":["first","second"],"status":78}"#)
    #expect(configuration.text == "freshet: first\nfreshet: second")
    #expect(ErrorReport(CommandFailure("no")).json.text == #"{"error":"no","problems":["no"],"status":1}"#)
  }
}

@Suite struct TargetOptionTests {
  @Test func hintsRepeatWhatSaysWhichEngineIsMeant() throws {
    let parsed = try CommandLineParser.parse([
      "status", "--json", "--data-dir", "/srv/a b", "--config", "f.json", "--set", "topn.n=5", "--watch", "--topic", "x",
    ])
    #expect(parsed.targetOptions == " --config f.json --set topn.n=5 --data-dir '/srv/a b' --topic x")
    #expect(try CommandLineParser.parse(["status", "--quiet"]).targetOptions == "")
  }
}

@Suite struct RetrainComparisonTests {
  @Test(arguments: [
    (#"{"epoch":1,"recall_at_20_new":null}"#, "not compared: it is the first model"),
    (#"{"epoch":3,"recall_at_20_old":null,"recall_at_20_new":null}"#, "not compared: fewer than 500 new interactions"),
    (
      #"{"epoch":3,"recall_at_20_old":0.25,"recall_at_20_new":0.5}"#,
      "recall@20 on the newest interactions: old model 0.2500, new model 0.5000"
    ),
  ])
  func aRecordSaysWhetherModelsWereCompared(json: String, expected: String) throws {
    let record = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
    #expect(OperateCommand.comparison(record) == expected)
  }
}

@Suite struct HelpTextTests {
  @Test(arguments: [40, 80, 100, 200])
  func helpFitsTheTerminal(columns: Int) {
    for text in [HelpText.general(columns: columns)] + CommandTable.commands.map({ HelpText.text(for: $0, columns: columns) }) {
      let limit = min(columns, HelpText.columnsMax)
      // Names, usage and examples are never broken; everything else is words, and only a single long word may stick out.
      let whole = Set(CommandTable.commands.flatMap { ["  " + $0.usage] + $0.examples.map { "  " + $0.line } })
      let tooLong = text.split(separator: "\n").map(String.init).filter { $0.count > limit && !whole.contains($0) }
      #expect(tooLong.allSatisfy { !$0.drop { $0 == " " }.contains(" ") || $0.hasPrefix("  -") }, "\(tooLong)")
    }
  }

  @Test func examplesComeFirst() {
    #expect(HelpText.text(for: CommandTable.command(.produce)).hasPrefix("Examples:\n  freshet produce"))
  }

  @Test func helpOnAGroupCoversItsCommands() throws {
    let text = try HelpText.text(on: ["config"])
    #expect(text.contains("freshet config show") && text.contains("freshet config check"))
  }

  @Test func helpOnAStrangerSuggests() {
    let error = #expect(throws: UsageError.self) { try HelpText.text(on: ["stats"]) }
    #expect(error?.description.contains("did you mean status?") == true)
  }
}

@Suite struct TerminalTests {
  @Test func aFrameIsDrawnOverTheOneBeforeItOnATerminalOnly() {
    let terminal = Terminal(isOutputTerminal: true, isErrorTerminal: true, hasColor: false, columns: 10)
    var screen = ScreenFrame(terminal: terminal)
    #expect(screen.next("a\nb") == "a\nb")
    #expect(screen.next("0123456789\n01234567890") == "\u{1b}[2A\r\u{1b}[J0123456789\n01234567890")
    #expect(screen.next("") == "\u{1b}[3A\r\u{1b}[J")
    var plain = ScreenFrame(terminal: Terminal(isOutputTerminal: false, isErrorTerminal: true, hasColor: false, columns: 10))
    #expect(["a", "b"].map { plain.next($0) } == ["a", "b"])
  }

  @Test func columnsAreAligned() {
    var table = TextTable([.left, .right], header: ["item", "score"])
    table.add(["sku-1", "4.2"])
    table.add(["é", "10"])
    #expect(table.description == "item   score\nsku-1    4.2\né         10\n")
  }

  @Test func aBarShowsShareRateAndTimeLeft() {
    let line = ProgressBar.line(label: "events", done: 500, total: 1000, elapsed: .seconds(5), columns: 80, hasBar: true)
    #expect(line.contains("[====") && line.contains(" 50 %") && line.contains("100/s") && line.contains("0:05 left"))
    #expect(line.count < 80)
  }

  @Test(arguments: [1, 10, 30, 80, 200])
  func aBarFitsTheTerminal(columns: Int) {
    for done in [0, 1, 999, 1000, 2000] {
      let line = ProgressBar.line(label: "events", done: done, total: 1000, elapsed: .milliseconds(1), columns: columns, hasBar: true)
      #expect(line.count <= max(1, columns - 1))
    }
  }

  @Test func withoutATotalThereIsNoShare() {
    #expect(
      ProgressBar.line(label: "retrain", done: 37, total: 100, unit: .percent, elapsed: .seconds(37), columns: 80, hasBar: false)
        == "retrain   37 %  1:03 left")
    let line = ProgressBar.line(label: "events", done: 1_234_567, total: nil, elapsed: .seconds(10), columns: 80, hasBar: true)
    #expect(line == "events  1,234,567  123,456/s  0:10")
  }

  @Test func awayFromATerminalALineComesEveryTenSeconds() {
    let plain = Terminal(isOutputTerminal: false, isErrorTerminal: false, hasColor: false, columns: 80)
    let lines = Lines()
    let start = ContinuousClock.now
    var bar = ProgressBar("events", total: 100, terminal: plain, now: start) { lines.add($0) }
    for second in 0...25 { bar.update(second, now: start + .seconds(second)) }
    #expect(lines.all.count == 2)
    #expect(lines.all.allSatisfy { $0.hasSuffix("\n") && !$0.contains("\r") })
  }

  @Test func quietMeansQuiet() {
    let terminal = Terminal(isOutputTerminal: true, isErrorTerminal: true, hasColor: true, columns: 80)
    let lines = Lines()
    var bar = ProgressBar("events", total: 100, terminal: terminal, isQuiet: true) { lines.add($0) }
    bar.update(1)
    bar.finish(100)
    #expect(lines.all.isEmpty)
  }

  @Test func colourIsGivenUpOnRequest() {
    #expect(Terminal.isColorWanted([:]))
    #expect(Terminal.isColorWanted(["NO_COLOR": ""]))
    #expect(!Terminal.isColorWanted(["NO_COLOR": "1"]))
    #expect(!Terminal.isColorWanted(["TERM": "dumb"]))
  }

  private final class Lines {
    private(set) var all: [String] = []
    func add(_ line: String) { all.append(line) }
  }
}
