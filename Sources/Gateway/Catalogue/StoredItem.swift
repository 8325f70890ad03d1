import ItemMetadata
import Telemetry

/// A document of the catalogue as the engine mirrors it in Redis: the canonical document with its version as the last member.
public struct StoredItem: Sendable, Equatable {
  public var document: ItemDocument
  /// Grows with every change of the document; 0 if the mirror does not say.
  public var version: Int64

  public init(document: ItemDocument, version: Int64) {
    self.document = document
    self.version = version
  }

  public init(decoding bytes: [UInt8]) throws(DocumentFault) {
    if let (json, version) = Self.split(bytes) {
      document = try ItemDocument(json)
      self.version = version
      return
    }
    let value: JSONValue
    do throws(JSONReader.Fault) { value = try JSONReader.value(bytes) } catch { throw DocumentFault(.badJSON, "\(error.message)") }
    guard case .object = value else { throw DocumentFault(.notObject, "expected one JSON object") }
    var rest = value
    if case .integer(let number)? = value["version"] { version = Int64(number) } else { version = 0 }
    rest["version"] = nil
    document = try ItemDocument(rest.bytes)
  }

  public var encoded: [UInt8] {
    var bytes = document.bytes
    bytes.removeLast()
    bytes += ",\"version\":\(version)}".utf8
    return bytes
  }

  private static let member = Array(",\"version\":".utf8)

  /// Cuts the last member off without reading the rest.
  private static func split(_ bytes: [UInt8]) -> (json: [UInt8], version: Int64)? {
    guard bytes.last == UInt8(ascii: "}") else { return nil }
    var at = bytes.count - 1
    while at > 0, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[at - 1]) { at -= 1 }
    guard at >= member.count, bytes[(at - member.count)..<at].elementsEqual(member),
      let version = Int64(String(decoding: bytes[at..<(bytes.count - 1)], as: UTF8.self))
    else { return nil }
    return (Array(bytes[..<(at - member.count)]) + [UInt8(ascii: "}")], version)
  }
}
