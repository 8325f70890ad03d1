import Foundation
import StreamingRecommender

/// Records that other programs wrote, and the schemas that a registry gives for them (`messages.json`).
public struct MessageFixture: Decodable, Sendable {
  public struct Schema: Decodable, Sendable {
    public struct Reference: Codable, Sendable {
      public var name: String
      public var subject: String
      public var version: Int
    }
    public var id: UInt32
    public var guid: String
    public var subject: String
    public var version: Int
    public var schemaType: String
    public var schema: String
    public var references: [Reference]
  }

  public struct Message: Decodable, Sendable, CustomStringConvertible {
    public var name: String
    var key: Data?
    var value: Data?
    var headers: [[String]]
    /// Configuration keys and values.
    public var settings: [String: String]
    public var expect: [String]

    public var description: String { name }

    public func record(offset: Int64 = 0, timestampMilliseconds: Int64) -> Record {
      Record(
        offset: offset, timestampMilliseconds: timestampMilliseconds, key: key.map { [UInt8]($0) }, value: value.map { [UInt8]($0) },
        headers: headers.map { RecordHeader(name: $0[0], value: [UInt8](Data(base64Encoded: $0[1]) ?? Data())) })
    }

    /// The settings as those of a decoder.
    public func input() throws -> RecommenderConfiguration.Input {
      try ConfigurationLoader.load(flags: settings.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }, searchPaths: [])
        .configuration.input
    }
  }

  public var schemas: [Schema]
  public var records: [Message]

  /// - Parameter packageRoot: the directory of Package.swift.
  public init(packageRoot: String) throws {
    let path = packageRoot + "/Tests/WireFormatsTests/Fixtures/messages.json"
    self = try JSONDecoder().decode(Self.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
  }

  public func message(_ name: String) -> Message {
    guard let found = records.first(where: { $0.name == name }) else { preconditionFailure("no message \(name)") }
    return found
  }

  public func schema(_ name: SchemaName) -> Schema? {
    switch name {
    case .id(let id): schemas.first { $0.id == id }
    case .guid: schemas.first { $0.guid == name.guidText }
    case .file: nil
    }
  }
}
