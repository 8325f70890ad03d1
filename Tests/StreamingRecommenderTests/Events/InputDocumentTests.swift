import Foundation
import Telemetry
import RecommenderTestKit
import Testing

@testable import StreamingRecommender

/// A section of docs/input.md: settings, records, and what is applied.
struct InputSample: CustomStringConvertible, Sendable {
  var name: String
  var settings = "{}"
  var records: [Record] = []
  var outcomes: [String] = []
  var description: String { name }

  static let all: [InputSample] = {
    let file = packageRoot.appendingPathComponent("docs/input.md")
    guard let text = try? String(contentsOf: file, encoding: .utf8) else { return [] }
    return text.components(separatedBy: "\n### ").dropFirst().map { section in
      var sample = InputSample(name: String(section.prefix { $0 != "\n" }))
      for block in section.components(separatedBy: "\n```").dropFirst() {
        let (kind, body) = (block.prefix { $0 != "\n" }, block.drop { $0 != "\n" }.dropFirst())
        switch kind {
        case "json": sample.settings = String(body)
        case "jsonl": sample.records = records(body)
        case "text": sample.outcomes = body.split(separator: "\n").map(String.init)
        default: break
        }
      }
      return sample
    }
  }()

  private static func records(_ body: Substring) -> [Record] {
    var records: [Record] = []
    var headers: [RecordHeader] = []
    for line in body.split(separator: "\n") {
      if line.hasPrefix("header ") {
        let parts = line.dropFirst("header ".count).components(separatedBy: ": ")
        headers.append(RecordHeader(name: parts[0], value: Array(parts[1].utf8)))
      } else {
        records.append(
          Record(offset: Int64(records.count), timestampMilliseconds: testNow, key: nil, value: Array(line.utf8), headers: headers))
        headers = []
      }
    }
    return records
  }
}

@Suite struct InputDocumentTests {
  @Test func theDocumentHasASampleOfEachPreset() {
    #expect(InputSample.all.count == 17)
    for sample in InputSample.all { #expect(!sample.records.isEmpty && !sample.outcomes.isEmpty, "\(sample.name)") }
    for preset in RecommenderConfiguration.Input.Preset.allCases where preset != .freshet {
      #expect(InputSample.all.contains { $0.settings.contains("\"preset\": \"\(preset.rawValue)\"") }, "\(preset.rawValue)")
    }
  }

  @Test(arguments: InputSample.all) func aSampleGivesWhatTheDocumentSays(sample: InputSample) throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("sample-\(UUID().uuidString).json")
    defer { try? FileManager.default.removeItem(at: path) }
    try Data(sample.settings.utf8).write(to: path)
    let decoder = InteractionDecoder(try ConfigurationLoader.load(file: path.path).configuration.input)
    let decoded = sample.records.map { decoder.decode($0, fallbackMilliseconds: testNow) }
    #expect(decoded.flatMap(Self.outcomes) == sample.outcomes)
  }

  private static func outcomes(_ decoded: DecodedRecord) -> [String] {
    switch decoded {
    case .interaction, .interactions:
      decoded.events.map { event in
        let interaction = event.interaction
        let id = interaction.eventID.map { " id=" + String(decoding: $0, as: UTF8.self) } ?? ""
        let strength = interaction.strength == interaction.strength.rounded() ? "\(Int(interaction.strength))" : "\(interaction.strength)"
        return "user=\(String(decoding: interaction.user, as: UTF8.self)) item=\(String(decoding: interaction.item, as: UTF8.self)) "
          + "strength=\(strength) op=\(interaction.operation) time=\(Timestamp.rfc3339(milliseconds: interaction.timeMilliseconds))\(id)"
      }
    case .failure(let failure): ["rejected \(failure.reason.rawValue): \(failure.message)"]
    default: lines(decoded)
    }
  }
}
