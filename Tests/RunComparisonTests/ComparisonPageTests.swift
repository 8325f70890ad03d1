import RunRecords
import Telemetry
import Testing

@testable import RunComparison

private func page(_ runs: [RunRecord]) throws -> String {
  ComparisonPage(try Comparison(runs), version: "1.2.3", madeAtMilliseconds: 0).text
}

struct ComparisonPageTests {
  /// Text that would be markup in an element or would end an attribute.
  private static let attack = #"<script>alert("1")</script>' onload='x"#

  /// A record in which every text is an attack.
  private func hostile(_ number: UInt32) -> RunRecord {
    let attack = Self.attack
    var record = makeRun(number, settings: [attack: attack, "same": attack])
    record.kind = attack
    (record.version, record.host, record.message, record.directory) = (attack, attack, attack, attack)
    record.idempotencyKey = attack
    record.command = ["train", attack]
    record.inputs = [.init(path: attack, bytes: 1, sha256: attack)]
    record.offsets = [attack: 1]
    record.artifacts = [.init(name: attack, location: attack, bytes: 2)]
    record.tracking = .init(experiment: attack, run: attack, modelVersion: attack, url: "https://host/\(attack)")
    let metric = "recall\(attack)"
    record.result = .object([
      .init(metric, .number(Double(number))), .init("loss\(attack)", [1, 2]), .init("settings", .object([.init(attack, .string(attack))])),
      .init(attack, .object([.init(metric, 1)])),
    ])
    return record
  }

  @Test(arguments: [1, 2, 12] as [UInt32]) func textOfRecordsIsNeverMarkup(_ count: UInt32) throws {
    let text = try page((1...count).map(hostile))
    #expect(!text.contains("<script") && !text.contains("' onload="))
    #expect(text.contains("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#39; onload=&#39;x"))
  }

  @Test func controlAndReorderingCharactersAreReplaced() {
    let html: HTML = "\("a\u{202E}b\u{0}c\u{85}d\ne")"
    #expect(html.text == "a\u{FFFD}b\u{FFFD}c\u{FFFD}d\ne")
  }

  @Test func nothingIsLoadedOrRun() throws {
    let text = try page([makeRun(1, ["recall": 1, "loss": [1, 2]]), makeRun(2, ["recall": 2])])
    #expect(text.contains("content=\"default-src &#39;none&#39;;"))
    for word in ["<script", "<link", "<img", "@import", "url(", "src="] { #expect(!text.contains(word), "\(word)") }
    #expect(text.prefix(ComparisonPage.markBytesMax).contains(ComparisonPage.mark))
  }

  @Test(arguments: [
    ("https://mlflow/#/runs/1", true), ("HTTP://mlflow", true), ("javascript:alert(1)", false), ("file:///etc/passwd", false),
    ("//x", false),
  ])
  func onlyAddressesOfTheWebAreLinks(_ url: String, _ isLink: Bool) throws {
    var record = makeRun(1)
    record.tracking = .init(experiment: "1", run: "r", url: url)
    #expect(try page([record]).contains("<a href") == isLink)
  }

  @Test func differentDataIsSaidPlainly() throws {
    var (first, second) = (makeRun(1), makeRun(2))
    (first.inputs, second.inputs) = ([.init(path: "a", sha256: "1")], [.init(path: "a", sha256: "2")])
    let text = try page([first, second])
    #expect(text.contains("The runs read different data; their figures cannot be compared directly."))
    #expect(text.contains("<b>not as A</b>"))
  }

  @Test func theBestValueIsMarked() throws {
    let text = try page([makeRun(1, ["recall": 0.25]), makeRun(2, ["recall": 0.5])])
    #expect(text.contains("<b class=\"best\">best</b> 0.50000"))
    #expect(text.contains("<small class=\"better\">+0.25000 (+100.0 %)</small>"))
  }

  @Test func aMissingValueIsADash() throws {
    let text = try page([makeRun(1, ["recall": 0.25]), makeRun(2)])
    #expect(text.contains("<td class=\"number\"><span class=\"none\">–</span></td>"))
  }

  @Test func aRecordWithNothingIsAPage() throws {
    let bare = RunRecord(id: makeRun().id, kind: "task", startedAtMilliseconds: 0)
    let text = try page([bare])
    #expect(text.contains("is not done, but running") && text.contains("</html>"))
  }
}

struct DrawingTests {
  @Test func barsBeginAtZero() {
    let chart = BarChart(
      title: "t", note: "",
      bars: [
        .init(name: "A", run: 0, value: 100, interval: 99...101), .init(name: "B", run: 1, value: 50.5, interval: nil),
      ], text: { "\($0)" })
    // 257 wide from 19 on, with 101 at the end.
    #expect(chart.html.text.contains(#"<rect class="bar c0" x="19" y="5" width="254.5""#))
    #expect(chart.html.text.contains(#"<rect class="bar c1" x="19" y="29" width="128.5""#))
  }

  @Test func aLineIsBrokenWhereAValueIsMissing() {
    let chart = LineChart(title: "t", note: "", lines: [.init(run: 0, values: [1, 2, nil, 1, 2])])
    let path = chart.html.text.split(separator: "d=\"").last?.prefix { $0 != "\"" } ?? ""
    #expect(path.count { $0 == "M" } == 2 && path.count { $0 == "L" } == 2, "\(path)")
  }

  @Test func aLongLineIsThinnedAndKeepsItsEnd() {
    let chart = LineChart(title: "t", note: "", lines: [.init(run: 0, values: (0..<100_001).map { Double($0) })])
    #expect(chart.html.text.utf8.count < 10_000 && chart.html.text.contains(">100001<"))
  }

  @Test(
    arguments: [
      [1], [0, 0], [5, 5], [-3, -3], [1e-300, 1e300], [1, 1 + 1e-15], [-1e308, 1e308], [0.1, 0.30000000000000004], [152_687, 266_734],
    ] as [[Double]])
  func anAxisCoversItsValues(_ values: [Double]) {
    let axis = Axis(rounded: values)
    #expect(axis.low < axis.high && !axis.ticks.isEmpty && axis.ticks.count < 25)
    for value in values { #expect((-1e-9...1 + 1e-9).contains(axis.position(value)), "\(value) in \(axis)") }
  }

  @Test func numbersOfARowHaveTheSameDecimals() {
    let format = NumberFormat([0.0953, 0.1])
    #expect(format.text(0.0953) == "0.09530" && format.text(0.1) == "0.10000")
    #expect(format.signed(-0.00004) == "−0.00004" && format.signed(1e-9) == "±0")
    #expect(NumberFormat([1_234_567]).text(1_234_567) == "1,234,567")
    #expect(NumberFormat([123_456.789]).text(-123_456.789) == "-123,457")
    #expect(NumberFormat([1e-9]).text(1e-9) == "1e-09")
    #expect(NumberFormat.bytes(1536) == "1.50 KiB" && NumberFormat.seconds(3_725) == "1 h 2 min 5 s")
    #expect(NumberFormat.percent(-0.5) == "−50.0 %" && NumberFormat.percent(0.00001) == "±0 %")
  }

  @Test func highlightsAreOneOfEachFamily() throws {
    let run = makeRun(
      1,
      [
        "ndcg_at_20": 1, "ndcg_at_10": 1, "recall_at_100": 1, "recall_capped_at_10": 1, "users": 3, "seconds": 1,
        "beside": ["popularity": ["ndcg_at_10": 1]], "cold_users": 3,
      ])
    #expect(
      Highlights(try Comparison([run]).metrics).metrics.map(\.path) == ["ndcg_at_10", "recall_at_100", "recall_capped_at_10", "seconds"])
  }
}
