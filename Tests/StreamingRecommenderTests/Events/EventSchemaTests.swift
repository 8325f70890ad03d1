import Foundation
import StreamingRecommender
import Testing

private struct GoldenEvent: Decodable {
  var name: String
  var value: String
  var outcome: String
  var user: String?
  var item: String?
  var strength: Float?
  var time: Int64?
  var op: String?
  var clamped: String?
}

private let schemas = packageRoot.appendingPathComponent("schemas")

/// Runs Python and says whether it succeeded; `nil` where there is no Python.
private func python(_ script: String, _ arguments: [String] = []) -> (succeeded: Bool, output: String)? {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
  process.arguments = ["python3", "-c", script] + arguments
  let pipe = Pipe()
  process.standardOutput = pipe
  process.standardError = pipe
  guard (try? process.run()) != nil else { return nil }
  let output = pipe.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  return (process.terminationStatus == 0, String(decoding: output, as: UTF8.self))
}

@Suite struct EventSchemaTests {
  @Test func theGoldenEventsDecodeAsWritten() throws {
    let lines = try Data(contentsOf: schemas.appendingPathComponent("examples/event-golden.jsonl")).split(separator: 0x0A)
    #expect(lines.count > 60)
    for line in lines {
      let golden = try JSONDecoder().decode(GoldenEvent.self, from: line)
      let decoded = decode(golden.value) { $0.weights = ["view": 1, "interaction": 1, "purchase": 5] }
      #expect(decoded.outcome == golden.outcome, "\(golden.name): \(decoded)")
      guard let interaction = decoded.applied else { continue }
      #expect(interaction.user == golden.user.map { Array($0.utf8) }, "\(golden.name)")
      #expect(interaction.item == golden.item.map { Array($0.utf8) }, "\(golden.name)")
      #expect(interaction.strength == golden.strength, "\(golden.name)")
      #expect(interaction.timeMilliseconds == golden.time, "\(golden.name)")
      #expect("\(interaction.operation)" == golden.op, "\(golden.name)")
      let names: [String: ClampedFields] = ["value": .value, "timestamp": .timestamp, "unreadable_timestamp": .unreadableTimestamp]
      let clamped = golden.clamped.flatMap { names[$0] } ?? []
      #expect(decoded.clamped == clamped, "\(golden.name)")
    }
  }

  @Test(arguments: ["minimal", "full", "rating", "delete", "personalize", "google", "gorse", "spark"])
  func everyExampleIsApplied(name: String) throws {
    let data = try Data(contentsOf: schemas.appendingPathComponent("examples/event-\(name).json"))
    #expect(decode(bytes: [UInt8](data)).applied != nil)
  }

  @Test(.disabled(if: python("import jsonschema")?.succeeded != true, "python3 with jsonschema is not installed"))
  func theSchemaAcceptsTheExamplesAndWhatItAcceptsIsDecoded() throws {
    // Repeated fields are beyond a schema, and Python's reader takes NaN: both are left out.
    let script = """
      import json, sys, jsonschema
      folder = sys.argv[1]
      schema = json.load(open(folder + "/event-v1.schema.json"))
      jsonschema.Draft202012Validator.check_schema(schema)
      validator = jsonschema.Draft202012Validator(schema)
      for name in ["minimal", "full", "rating", "delete"]:
          validator.validate(json.load(open(folder + "/examples/event-" + name + ".json")))
      stricter = ["dlq:duplicate_field", "dlq:too_deep", "dlq:bad_utf8", "dlq:bad_timestamp", "dlq:bad_json"]
      for line in open(folder + "/examples/event-golden.jsonl"):
          golden = json.loads(line)
          try:
              valid = validator.is_valid(json.loads(golden["value"]))
          except ValueError:
              continue
          if valid and golden["outcome"].startswith("dlq:") and golden["outcome"] not in stricter \\
              and "bytes" not in golden["name"] and "Int64" not in golden["name"] and "infinite" not in golden["name"]:
              sys.exit(golden["name"] + ": valid by the schema, yet " + golden["outcome"])
      """
    let result = try #require(python(script, [schemas.path]))
    #expect(result.succeeded, "\(result.output)")
  }
}
