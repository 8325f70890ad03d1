import Foundation
import ItemMetadata
import Telemetry

let repository = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..").standardized

func example(_ name: String) throws -> [UInt8] { try Array(Data(contentsOf: repository.appending(path: "schemas/examples/\(name)"))) }

/// The lines of a file of examples as JSON.
func examples(_ name: String) throws -> [JSONValue] {
  try example(name).split(separator: UInt8(ascii: "\n")).map { try JSONReader.value(Array($0)) }
}

extension JSONValue {
  var string: String? { if case .string(let text) = self { text } else { nil } }
}

func document(_ json: String) throws -> ItemDocument { try ItemDocument(Array(json.utf8)) }

/// 2026-01-31T08:30:00Z.
let now: Int64 = 1_769_848_200_000
let day: Int64 = 86_400_000
